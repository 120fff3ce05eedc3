import { beforeAll, describe, expect, it } from "vitest";
import { placementOf, type Turn, voxelAt } from "../src/viewer/geometry";
import { type Frame, halve, Renderer, transpose } from "../src/viewer/renderer";
import { greyOf, makeWindow, rampOf, storedRamp } from "../src/viewer/windowing";

/** A canvas that keeps what was put on it: the browser's own is compared in the browser tests. */
class KeptCanvas {
  width = 0;
  height = 0;
  shown = new Uint8ClampedArray(0);
  getContext(): unknown {
    return {
      putImageData: (image: { data: Uint8ClampedArray; width: number; height: number }, _x: number, _y: number, left = 0, top = 0, width = image.width, height = image.height) => {
        if (this.shown.length !== image.data.length) this.shown = new Uint8ClampedArray(image.data.length);
        for (let y = top; y < top + height; y += 1) {
          const from = (y * image.width + left) * 4;
          this.shown.set(image.data.subarray(from, from + width * 4), from);
        }
      },
    };
  }
  grey(x: number, y: number): number {
    return this.shown[(y * this.width + x) * 4] as number;
  }
}

beforeAll(() => {
  class KeptImageData {
    readonly data: Uint8ClampedArray;
    constructor(readonly width: number, readonly height: number) {
      this.data = new Uint8ClampedArray(width * height * 4);
    }
  }
  Object.assign(globalThis, { ImageData: KeptImageData });
});

function frameOf(rows: number, columns: number, make: (i: number) => number, type: new (n: number) => Frame["stored"] = Int16Array): Frame {
  const stored = new type(rows * columns);
  for (let i = 0; i < stored.length; i += 1) stored[i] = make(i);
  return { rows, columns, channels: 1, slope: 1, intercept: 0, stored };
}

const noise = (i: number): number => ((i * 7919 + (i >> 3) * 104729) % 2000) - 1000;
const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

/** Bilinear interpolation of raw values by hand, then the standard's window. */
function expected(frame: Frame, column: number, row: number, center: number, width: number): number {
  const [x, y] = [clamp(column, 0, frame.columns - 1), clamp(row, 0, frame.rows - 1)];
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const at = (r: number, c: number): number => frame.stored[clamp(r, 0, frame.rows - 1) * frame.columns + clamp(c, 0, frame.columns - 1)] as number;
  const upper = at(y0, x0) * (1 - (x - x0)) + at(y0, x0 + 1) * (x - x0);
  const lower = at(y0 + 1, x0) * (1 - (x - x0)) + at(y0 + 1, x0 + 1) * (x - x0);
  const value = (upper * (1 - (y - y0)) + lower * (y - y0)) * frame.slope + frame.intercept;
  return Math.floor(clamp(((value - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255) + 0.5);
}

function draw(frame: Frame, size: [number, number], view: { zoom?: number; pan?: [number, number] } & Partial<Turn>, inverted = false, ramp = rampOf(makeWindow(40, 400))): KeptCanvas {
  const canvas = new KeptCanvas();
  const renderer = new Renderer(canvas as unknown as HTMLCanvasElement);
  const full = { zoom: 1, pan: [0, 0] as [number, number], rotation_deg: 0 as const, flipped: false, ...view };
  renderer.draw(frame, placementOf(full, frame, null, ...size), full, { ramp, inverted });
  return canvas;
}

describe("the renderer", () => {
  it.each([[Int16Array], [Uint16Array], [Int8Array], [Uint8Array]])("shows stored values themselves at 1:1 (%o)", (type) => {
    const frame = frameOf(9, 12, noise, type as new (n: number) => Frame["stored"]);
    const canvas = draw(frame, [12, 9], {});
    for (let y = 0; y < 9; y += 1) for (let x = 0; x < 12; x += 1) expect(canvas.grey(x, y)).toBe(expected(frame, x, y, 40, 400));
  });

  it.each([[Int16Array], [Uint16Array]])("looks up each value that 16 bits can hold (%o)", (type) => {
    const frame = frameOf(256, 256, (i) => i, type as new (n: number) => Frame["stored"]);
    for (const [center, width, voi] of [[40, 400, "LINEAR"], [0.5, 1, "LINEAR"], [-30000, 9, "LINEAR_EXACT"], [0, 1e6, "LINEAR"], [1e5, 2, "LINEAR"], [100, 3000, "SIGMOID"]] as const) {
      for (const slope of [1, -0.37, 0]) {
        const ramp = rampOf(makeWindow(center, width, voi));
        const shown = draw({ ...frame, slope, intercept: 7 }, [256, 256], {}, false, ramp).shown;
        const stored = storedRamp(ramp, { slope, intercept: 7 });
        const wrong = frame.stored.findIndex((value, i) => shown[4 * i] !== greyOf(value, stored));
        expect(wrong, `${center}/${width} ${voi}, slope ${slope}`).toBe(-1);
      }
    }
  });

  it.each([[Float32Array], [Float64Array], [Int32Array]])("shows wide types at 1:1 too (%o)", (type) => {
    const frame = frameOf(5, 7, noise, type as new (n: number) => Frame["stored"]);
    const canvas = draw(frame, [7, 5], {});
    for (let y = 0; y < 5; y += 1) for (let x = 0; x < 7; x += 1) expect(canvas.grey(x, y)).toBe(expected(frame, x, y, 40, 400));
  });

  it("shows each voxel itself at 1:1, whatever is beside it", () => {
    const frame = frameOf(5, 7, noise, Float32Array);
    const holes: [number, number][] = [[9, NaN], [13, Infinity], [28, -Infinity], [34, NaN], [0, Infinity]];
    for (const [at, value] of holes) frame.stored[at] = value;
    const canvas = draw(frame, [7, 5], {});
    for (let i = 0; i < 35; i += 1) {
      const value = frame.stored[i] as number;
      const finite = { ...frame, stored: Float32Array.of(Number.isNaN(value) ? -1e6 : clamp(value, -1e6, 1e6)), rows: 1, columns: 1 };
      expect(canvas.grey(i % 7, Math.floor(i / 7)), String(i)).toBe(expected(finite, 0, 0, 40, 400));
    }
  });

  it("keeps the digits of doubles far from zero", () => {
    const near = frameOf(6, 8, (i) => noise(i) / 4, Float64Array);
    const far = { ...near, stored: near.stored.map((value) => value + 1e9), intercept: -1e9 };
    for (const view of [{}, { zoom: 2.37 }, { zoom: 0.4 }]) {
      const [one, other] = [near, far].map((frame) => draw(frame, [16, 12], view));
      let worst = 0;
      for (let i = 0; i < 192; i += 1) worst = Math.max(worst, Math.abs((one as KeptCanvas).grey(i % 16, Math.floor(i / 16)) - (other as KeptCanvas).grey(i % 16, Math.floor(i / 16))));
      expect(worst).toBeLessThanOrEqual(1);
    }
  });

  it("interpolates raw values before it windows them, at every zoom, place and turn", () => {
    const frame = { ...frameOf(20, 30, noise), slope: 0.5, intercept: -20 };
    for (const turn of ([0, 90, 180, 270] as const).flatMap((rotation_deg) => [false, true].map((flipped) => ({ rotation_deg, flipped })))) {
      for (const zoom of [0.9, 1, 2.37, 5]) {
        const view = { zoom, pan: [1.5, -2.25] as [number, number], ...turn };
        const canvas = draw(frame, [97, 61], view);
        const placement = placementOf(view, frame, null, 97, 61);
        let worst = 0;
        for (let y = 0; y < 61; y += 1) {
          for (let x = 0; x < 97; x += 1) {
            const [column, row] = voxelAt(x + 0.5, y + 0.5, placement, turn, frame);
            const isInside = column >= -0.5 && column < frame.columns - 0.5 && row >= -0.5 && row < frame.rows - 0.5;
            const nearEdge = Math.abs(column + 0.5) < 1e-6 || Math.abs(row + 0.5) < 1e-6 || Math.abs(column - frame.columns + 0.5) < 1e-6 || Math.abs(row - frame.rows + 0.5) < 1e-6;
            if (nearEdge) continue;
            worst = Math.max(worst, Math.abs(canvas.grey(x, y) - (isInside ? expected(frame, column, row, 40, 400) : 0)));
          }
        }
        expect(worst, JSON.stringify(view)).toBeLessThanOrEqual(1);
      }
    }
  });

  it("keeps black around the frame when the frame gets smaller", () => {
    const canvas = new KeptCanvas();
    const renderer = new Renderer(canvas as unknown as HTMLCanvasElement);
    const frame = frameOf(10, 10, () => 1000);
    const look = { ramp: rampOf(makeWindow(40, 400)), inverted: false };
    const turn = { rotation_deg: 0 as const, flipped: false };
    for (const zoom of [1, 0.5]) renderer.draw(frame, placementOf({ zoom, pan: [0, 0], ...turn }, frame, null, 33, 33), turn, look);
    expect([canvas.grey(0, 0), canvas.grey(16, 16), canvas.grey(32, 32)]).toEqual([0, 255, 0]);
  });

  it("inverts the display, and the black around stays black", () => {
    const frame = frameOf(10, 20, () => -1000);
    const canvas = draw(frame, [20, 20], {}, true);
    expect([canvas.grey(10, 10), canvas.grey(10, 0)]).toEqual([255, 0]);
  });

  it("takes means of 2 × 2 voxels below half size, so that nothing is left out", () => {
    const frame = frameOf(64, 64, (i) => (i % 2 === 0 ? -160 : 240));
    const canvas = draw(frame, [16, 16], {});
    for (let i = 0; i < 16; i += 1) expect(Math.abs(canvas.grey(i, i) - 128)).toBeLessThanOrEqual(1);
  });

  it("shows colours as they are", () => {
    const stored = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7]);
    const frame: Frame = { rows: 2, columns: 2, channels: 3, slope: 1, intercept: 0, stored };
    const canvas = draw(frame, [2, 2], {});
    expect([...canvas.shown]).toEqual([255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 9, 8, 7, 255]);
  });

  it("shows a value that is no number as black", () => {
    const canvas = draw(frameOf(3, 3, () => NaN, Float32Array), [3, 3], {});
    expect(canvas.grey(1, 1)).toBe(0);
  });

  it("shows a frame of a single voxel", () => {
    expect(draw(frameOf(1, 1, () => 1000), [5, 5], {}).grey(2, 2)).toBe(255);
  });
});

describe("a frame", () => {
  it("transposed twice is itself", () => {
    const frame = frameOf(3, 5, noise);
    expect(transpose(transpose(frame))).toEqual(frame);
    expect(transpose(frame).stored[1]).toBe(frame.stored[5]);
  });

  it("halved repeats its border where the size is odd", () => {
    const half = halve(frameOf(3, 3, (i) => i));
    expect([half.rows, half.columns, ...half.stored]).toEqual([2, 2, 2, 3.5, 6.5, 8]);
  });
});
