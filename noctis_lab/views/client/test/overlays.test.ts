import { describe, expect, it } from "vitest";
import { blend, coloursOf } from "../src/overlay/blend";
import { labelsAt, NoLabels, parseLabels } from "../src/overlay/labels";
import { CanvasLabels, PlaneVoxels, putFrame, putPlane, voxelsOfFrame } from "../src/overlay/onCanvas";
import type { OverlayDescription, OverlaySource } from "../src/overlay/source";
import { decodeOverlay, defaultOverlay, encodeOverlay, type OverlayState } from "../src/overlay/state";
import { LabelStore } from "../src/overlay/store";
import { INSIDE } from "../src/mpr/plane";
import type { VolumeGeometry } from "../src/mpr/geometry";
import type { StackDescription } from "../src/ground/transport";

interface Box { top: number; left: number; rows: number; columns: number; runs: number[][] }

/** Write what the server writes: `runs` are (length, label[, share]). */
function written(layers: Box[], hasShares = false): ArrayBuffer {
  const size = layers.reduce((sum, { runs }) => sum + 20 + runs.length * (hasShares ? 6 : 4), 4);
  const bytes = new ArrayBuffer(4 + size);
  const view = new DataView(bytes);
  view.setUint32(0, size, true);
  view.setUint16(4, layers.length, true);
  view.setUint16(6, hasShares ? 1 : 0, true);
  let at = 8;
  for (const { top, left, rows, columns, runs } of layers) {
    [top, left, rows, columns, runs.length].forEach((value, i) => view.setUint32(at + 4 * i, value, true));
    at += 20;
    for (let part = 0; part < (hasShares ? 3 : 2); part += 1) for (const run of runs) {
      view.setUint16(at, run[part] as number, true);
      at += 2;
    }
  }
  return bytes;
}

const BOX: Box = { top: 1, left: 2, rows: 2, columns: 3, runs: [[2, 1], [3, 0], [1, 2]] };
const SHAPE = { rows: 4, columns: 6 };

describe("labels", () => {
  it("unfold into the box that holds them", () => {
    const layers = parseLabels(written([BOX]), 1, [SHAPE])[0] ?? [];
    expect(Array.from(layers[0]?.labels ?? [])).toEqual([1, 1, 0, 0, 0, 2]);
    expect(labelsAt(layers, 2, 1)).toEqual([1]);
    expect(labelsAt(layers, 4, 2)).toEqual([2]);
    expect(labelsAt(layers, 4, 1)).toEqual([]);
    expect(labelsAt(layers, 0, 0)).toEqual([]);
  });

  it("name a fractional segment from a half on", () => {
    const layers = parseLabels(written([{ ...BOX, runs: [[3, 1, 127], [3, 1, 128]] }], true), 1, [SHAPE])[0] ?? [];
    expect(labelsAt(layers, 2, 1)).toEqual([]);
    expect(labelsAt(layers, 2, 2)).toEqual([1]);
  });

  it.each([
    ["cut in the head", written([BOX]).slice(0, 6)],
    ["cut in a layer", written([BOX]).slice(0, 20)],
    ["longer than it says", new Uint8Array([...new Uint8Array(written([BOX])), 0]).buffer],
    ["a box beyond the image", written([{ ...BOX, left: 4 }])],
    ["a box beyond 32 bits", written([{ ...BOX, rows: 0xffffffff }])],
    ["runs beyond their box", written([{ ...BOX, runs: [[7, 1]] }])],
    ["runs that do not fill it", written([{ ...BOX, runs: [[5, 1]] }])],
    ["too many layers", written(Array.from({ length: 17 }, () => BOX))],
  ])("refuse what is %s", (_, bytes) => {
    expect(() => parseLabels(bytes as ArrayBuffer, 1, [SHAPE])).toThrow(NoLabels);
  });
});

describe("labels of a frame on a canvas", () => {
  const layer = { top: 0, left: 0, rows: 2, columns: 3, labels: Uint16Array.from([1, 2, 3, 4, 5, 6]), shares: null };
  const on = (turn: { rotation_deg: 0 | 90 | 180 | 270; flipped: boolean }, scale = 1): number[][] => {
    const isTransposed = turn.rotation_deg % 180 !== 0;
    const [width, height] = (isTransposed ? [2, 3] : [3, 2]).map((size) => size * scale) as [number, number];
    const out = new CanvasLabels();
    putFrame(layer, voxelsOfFrame({ index: 0, rows: 2, columns: 3, turn, placement: { width, height, x0: 0, y0: 0, sx: scale, sy: scale } }), out);
    return Array.from({ length: height }, (_, y) => Array.from(out.labels.subarray(y * width, (y + 1) * width)));
  };

  it("are turned and mirrored as the image is", () => {
    expect(on({ rotation_deg: 0, flipped: false })).toEqual([[1, 2, 3], [4, 5, 6]]);
    expect(on({ rotation_deg: 90, flipped: false })).toEqual([[4, 1], [5, 2], [6, 3]]);
    expect(on({ rotation_deg: 180, flipped: false })).toEqual([[6, 5, 4], [3, 2, 1]]);
    expect(on({ rotation_deg: 270, flipped: true })).toEqual([[6, 3], [5, 2], [4, 1]]);
    expect(on({ rotation_deg: 0, flipped: true }, 2)).toEqual([[3, 3, 2, 2, 1, 1], [3, 3, 2, 2, 1, 1], [6, 6, 5, 5, 4, 4], [6, 6, 5, 5, 4, 4]]);
  });
});

describe("labels of a plane on a canvas", () => {
  const geometry: VolumeGeometry = {
    right: [1, 0, 0], down: [0, 1, 0], normal: [0, 0, 1], spacing_mm: [1, 1], rows: 2, columns: 2, frames: [0, 1, 2],
    heights_mm: Float64Array.from([0, 1, 5]), originColumns: new Float64Array(3), originRows: new Float64Array(3),
    step_mm: 1, isGap: new Uint8Array(2), isRegular: false, shear_deg: 0,
  } as unknown as VolumeGeometry;
  const layers = [1, 2, 3].map((label) => [{ top: 0, left: 0, rows: 2, columns: 2, labels: new Uint16Array(4).fill(label), shares: null }]);

  it("are those of the nearest slice, and none where there is no image", () => {
    const grid = { origin: [0, 0, 0], right: [0, 0, 1], down: [0, 1, 0], columns: 6, rows: 1 } as never;
    const voxels = new PlaneVoxels();
    voxels.find(geometry, grid, Uint8Array.from([INSIDE, INSIDE, INSIDE, 0, INSIDE, INSIDE]));
    const out = new CanvasLabels();
    expect(putPlane((slice) => layers[slice] ?? null, 0, voxels, grid, 2, out)).toBe(true);
    // Between slices at 1 and 5 mm the half way is 3 mm.
    expect(Array.from(out.labels.subarray(0, 6))).toEqual([1, 2, 2, 0, 3, 3]);
    expect(putPlane((slice) => layers[slice] ?? null, 1, voxels, grid, 2, out)).toBe(false);
  });
});

describe("blending", () => {
  const canvas = (labels: number[], width: number): CanvasLabels => {
    const out = new CanvasLabels();
    out.clear(width, labels.length / width);
    out.labels.set(labels);
    out.box = { left: 0, top: 0, right: width, bottom: labels.length / width };
    return out;
  };
  const colours = coloursOf([{ number: 7, color: "#ff0000" }, { number: 9, color: "#0080ff" }], new Set([9]));
  const grey = (count: number): Uint32Array => new Uint32Array(count).fill(0xff646464);

  it("mixes grey and colour, and leaves a hidden segment alone", () => {
    const pixels = grey(3);
    blend(pixels, canvas([1, 0, 2], 3), colours, { opacity: 0.5, style: "fill", outline: 1 });
    expect(Array.from(pixels)).toEqual([0xff3232b2, 0xff646464, 0xff646464]);
  });

  it("draws an outline inside the segment, not at the canvas's edge", () => {
    const pixels = grey(25);
    blend(pixels, canvas([...[0, 0, 0, 0, 0], ...[1, 1, 1, 1, 0], ...[1, 1, 1, 1, 0], ...[1, 1, 1, 1, 0], ...[1, 1, 1, 1, 0]], 5), colours, { opacity: 0.4, style: "outline", outline: 1 });
    const isRed = (x: number, y: number): boolean => pixels[y * 5 + x] === 0xff0000ff;
    expect([isRed(0, 1), isRed(3, 2), isRed(0, 2), isRed(1, 4), isRed(2, 3)]).toEqual([true, true, false, false, false]);
  });

  it("takes no colour that is none for another", () => {
    expect(coloursOf([{ number: 1, color: "url(x)" }], new Set()).red[1]).toBe(255);
  });
});

describe("the state in an address", () => {
  const state: OverlayState = { overlay: "1.2.3", shown: false, opacity: 0.35, style: "outline", hidden: [2, 70, 65535] };
  it("comes back", () => {
    expect(decodeOverlay(encodeOverlay(state))).toEqual(state);
    expect(decodeOverlay(encodeOverlay(defaultOverlay()))).toEqual(defaultOverlay());
  });
  it.each(["", "1.2", "1.2,x40b,", "1.2,s101b,", "1.2,s40z,", "<b>,s40b,", "1.2,s40b,99999", "1.2,s40b,1..2", "1.2,s40b,1,2", "1.2,s40b,-1"])("is refused where it is unsound: %s", (text) => {
    expect(decodeOverlay(text)).toBeNull();
  });
});

describe("a store of labels", () => {
  const stack = { SeriesInstanceUID: "1", frames: Array.from({ length: 40 }, () => ({ rows: 8, columns: 8 })) } as unknown as StackDescription;
  const description = { overlay: "1.2", revision: "r", segments: [] } as unknown as OverlayDescription;
  const full: Box = { top: 0, left: 0, rows: 8, columns: 8, runs: [[64, 1]] };
  const asked: number[] = [];
  const source: OverlaySource = {
    overlays: () => Promise.resolve([]),
    labels: (_stack, _overlay, first, count) => {
      asked.push(first);
      const one = new Uint8Array(written([full]));
      const all = new Uint8Array(one.length * count);
      for (let i = 0; i < count; i += 1) all.set(one, i * one.length);
      return Promise.resolve(all.buffer);
    },
  };
  const settled = (): Promise<void> => new Promise((done) => setTimeout(done, 10));

  it("fetches what is wanted once, and keeps within its bound", async () => {
    asked.length = 0;
    const store = new LabelStore(stack, description, source, { onLanded: () => undefined, onFailed: () => undefined, onStale: () => undefined }, 2000);
    const pane = {};
    store.want(pane, [17, 18, 16]);
    await settled();
    expect(asked).toEqual([16]);
    expect(store.layers(17)).toHaveLength(1);
    store.want(pane, [2]);
    await settled();
    expect(asked).toEqual([16, 0]);
    store.want(pane, [33]);
    await settled();
    expect(store.layers(33)).toHaveLength(1);
    expect(store.bytes).toBeLessThanOrEqual(2000 + 8 * 200);
    expect(store.isFull).toBe(false);
    store.want(pane, stack.frames.map((_, i) => i));
    await settled();
    expect(store.isFull).toBe(true);
  });

  it("asks no failed image again", async () => {
    const said: string[] = [];
    let count = 0;
    const broken: OverlaySource = { ...source, labels: () => { count += 1; return Promise.reject(new Error("no")); } };
    const store = new LabelStore(stack, description, broken, { onLanded: () => undefined, onFailed: (words) => said.push(words), onStale: () => undefined });
    store.want({}, [1]);
    store.want({}, [2]);
    await settled();
    expect([count, said]).toEqual([1, ["no"]]);
  });
});
