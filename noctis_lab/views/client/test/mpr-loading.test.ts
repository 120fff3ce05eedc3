import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type StackDescription, type Transport, TransportError } from "../src/ground/transport";
import { MprModel } from "../src/mpr/model";
import { FAILED, MISSING, Sampled, sampleRows, latticeOf, valueAt } from "../src/mpr/plane";
import { placeAt } from "../src/mpr/geometry";
import { SlabSampler } from "../src/mpr/slab";
import { Volume, VOLUME_BYTES, VolumeLoader } from "../src/mpr/volume";
import { missingWords } from "../src/mpr/words";
import { shareOut } from "../src/viewer/budget";
import { DEFAULT_LIMITS } from "../src/viewer/frames";
import type { Pane } from "../src/viewer/pane";
import { COLUMNS, geometryIn, ROWS, stackOf, transportOf } from "./stacks";

const nothing = { onLanded: () => undefined, onMissing: () => undefined, onStale: () => undefined };
const turn = async (): Promise<void> => { for (let i = 0; i < 60; i += 1) await Promise.resolve(); };

/** Answers as `transportOf`, but refuses frames as long as they are among these. */
function refusing(refused: Set<number>, asked: number[] = []): Transport {
  const usual = transportOf(asked);
  return {
    ...usual,
    pixels: (stack, first, count, signal) => {
      for (let k = first; k < first + count; k += 1) {
        if (!refused.has(k)) continue;
        asked.push(...Array.from({ length: count }, (_, i) => first + i));
        return Promise.reject(new TransportError("The file is gone.", 500));
      }
      return usual.pixels(stack, first, count, signal);
    },
  };
}

function opened(transport: Transport, stack: StackDescription): { volume: Volume; loader: VolumeLoader } {
  const volume = new Volume(stack, geometryIn(stack));
  const loader = new VolumeLoader(volume, transport, nothing);
  loader.start(2);
  return { volume, loader };
}

describe("slices that cannot be had", () => {
  beforeEach(() => { vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }); });
  afterEach(() => { vi.useRealTimers(); });

  it("are known by number, with why, once the others are here", async () => {
    const { volume, loader } = opened(refusing(new Set([1, 3])), stackOf(5));
    await turn();
    expect([...volume.failed].sort()).toEqual([1, 3]);
    expect([volume.count, loader.isLoading, loader.message]).toEqual([3, false, "The file is gone."]);
    loader.close();
  });

  it("are asked for again by themselves, more and more seldom, and no more after a while", async () => {
    const asked: number[] = [];
    const refused = new Set([1]);
    const { volume, loader } = opened(refusing(refused, asked), stackOf(5));
    await turn();
    const times: number[] = [];
    for (let s = 1; s <= 200; s += 1) {
      const before = asked.length;
      vi.advanceTimersByTime(1000);
      await turn();
      if (asked.length > before) times.push(s);
    }
    expect(times).toEqual([1, 4, 14, 44]);
    refused.clear();
    loader.retry();
    await turn();
    expect([volume.isComplete, volume.failed.size]).toEqual([true, 0]);
    expect(valueAt(volume, placeAt(volume.full, 2, 1, 1)).value).toBe(102);
  });

  it("come back as soon as the server does, none of the others twice", async () => {
    const asked: number[] = [];
    const refused = new Set([0, 1, 2, 3, 4]);
    const { volume, loader } = opened(refusing(refused, asked), stackOf(5));
    await turn();
    expect(volume.failed.size).toBe(5); // after a few failures in a row the rest is not tried
    refused.clear();
    asked.length = 0;
    vi.advanceTimersByTime(1000);
    await turn();
    expect([...asked].sort()).toEqual([0, 1, 2, 3, 4]);
    expect([volume.isComplete, loader.isLoading]).toEqual([true, false]);
  });

  it("are not asked for after the planes are closed", async () => {
    const asked: number[] = [];
    const { loader } = opened(refusing(new Set([1]), asked), stackOf(5));
    await turn();
    loader.close();
    const before = asked.length;
    vi.advanceTimersByTime(100_000);
    await turn();
    expect([asked.length, vi.getTimerCount()]).toEqual([before, 0]);
  });

  it("are told from slices that are on their way, in planes and slabs along each axis", async () => {
    const stack = stackOf(5);
    const volume = new Volume(stack, geometryIn(stack));
    volume.failed.add(3);
    const coverAt = (slice: number): number => valueAt(volume, placeAt(volume.full, 2, 1, slice)).cover;
    expect([1, 3, 2.5, 3.5, 1.5].map(coverAt)).toEqual([MISSING, FAILED, FAILED, FAILED, MISSING]);
    const out = new Sampled();
    const grid = { origin: placeAt(volume.full, 0, 0, 3), right: [0.7, 0, 0] as const, down: [0, 0.9, 0] as const, columns: COLUMNS, rows: ROWS };
    new SlabSampler().project(volume, grid, [0, 0, 1], [0], "max", out);
    expect(out.cover[0]).toBe(FAILED);
    const coronal = { origin: placeAt(volume.full, 0, 2, 0), right: [0.7, 0, 0] as const, down: [0, 0, 2] as const, columns: COLUMNS, rows: 5 };
    new SlabSampler().project(volume, coronal, [0, 1, 0], [0], "max", out);
    expect(Array.from({ length: 5 }, (_, row) => out.cover[row * COLUMNS])).toEqual([MISSING, MISSING, MISSING, FAILED, MISSING]);
    sampleRows(volume, latticeOf(volume.geometry, coronal), out);
    expect(out.cover[3 * COLUMNS]).toBe(FAILED);
  });

  it("are said as the images are counted", () => {
    const words = (...frames: number[]): string => missingWords({ frames, message: "" }, 21).words;
    expect(words(4)).toBe("Image 5 of 21 missing");
    expect(words(3, 4, 5, 8)).toBe("4 of 21 images missing: 4–6, 9");
    expect(words(0, 2, 4, 6, 8, 10)).toBe("6 of 21 images missing: 1, 3, 5, 7 …");
  });
});

describe("a series that grows", () => {
  const grown = (count: number, slope = 1): StackDescription => ({ ...stackOf(count, (_, i) => (i === 5 ? { slope } : {})), revision: String(count) });

  async function followed(second: StackDescription): Promise<{ model: MprModel; asked: number[] }> {
    const asked: number[] = [];
    const described = [grown(5), second];
    const model = new MprModel({ ...transportOf(asked), stack: () => Promise.resolve(described.shift() as StackDescription) }, "1.2");
    model.listen(() => undefined);
    await model.load();
    await turn();
    expect([...asked].sort()).toEqual([0, 1, 2, 3, 4]);
    asked.length = 0;
    model.moveTo([-10, -20, 6]);
    await model.reload();
    await turn();
    return { model, asked };
  }

  it("is asked for what is new alone, and the crosshair stays", async () => {
    const { model, asked } = await followed(grown(6));
    expect(asked).toEqual([5]);
    expect([model.volume?.isComplete, model.volume?.bytes, model.crosshair]).toEqual([true, 6 * ROWS * COLUMNS * 2, [-10, -20, 6]]);
    model.close();
  });

  it("whose new slice has another scale keeps the values of the others", async () => {
    const { model, asked } = await followed(grown(6, 3));
    const { volume } = model;
    expect(asked).toEqual([5]);
    if (volume === null) throw new Error("no volume");
    expect([valueAt(volume, placeAt(volume.full, 2, 1, 4)).value, valueAt(volume, placeAt(volume.full, 2, 1, 5)).value]).toEqual([402, 3 * 502]);
    model.close();
  });

  it("that was reduced is asked for anew where it is reduced farther: means of rounded means are others", () => {
    const stack = stackOf(5);
    const limit = 5 * ROWS * COLUMNS * 2 - 1;
    const before = new Volume(stack, geometryIn(stack), limit);
    before.put(0, { rows: ROWS, columns: COLUMNS, slope: 1, intercept: 0, channels: 1, stored: new Int16Array(ROWS * COLUMNS) });
    const same = new Volume(stack, geometryIn(stack), limit);
    same.adopt(before);
    const whole = new Volume(stack, geometryIn(stack));
    whole.adopt(before);
    expect([same.count, whole.count]).toEqual([1, 0]);
  });
});

describe("what a volume needs", () => {
  it("is asked for in full: no previews", async () => {
    const large = stackOf(2, () => ({ rows: 1100, columns: 2 }));
    const previews: number[] = [];
    const transport: Transport = {
      ...transportOf(),
      pixels: (_stack, _first, count) => Promise.resolve(new Int16Array(count * 2200).buffer),
      preview: (_stack, index) => { previews.push(index); return Promise.resolve(new ArrayBuffer(0)); },
    };
    const { volume } = opened(transport, large);
    await turn();
    expect([volume.isComplete, previews]).toEqual([true, []]);
  });

  it("is held once: what the volume has taken, the loader lets go", async () => {
    const { volume, loader } = opened(transportOf(), stackOf(5, (_, i) => ({ slope: i + 1 })));
    await turn();
    expect([volume.isComplete, volume.bytes, loader.store.bytes]).toEqual([true, 5 * ROWS * COLUMNS * 4, 0]);
  });

  it("comes out of what all panes share: stacks keep the rest, and let go at once", () => {
    const limits = { ...DEFAULT_LIMITS };
    let fitted = 0;
    const stack = { kind: "stack", fitMemory: () => { fitted = limits.keptBytes; } } as unknown as Pane;
    const model = {};
    const plane = { kind: "plane", claim: { owner: model, bytes: 400 * 1024 ** 2 } } as unknown as Pane;
    shareOut([plane, plane, plane, stack], limits);
    expect(fitted).toBe(112 * 1024 ** 2);
    shareOut([{ ...plane, claim: { owner: model, bytes: VOLUME_BYTES } } as Pane, stack], limits);
    expect(limits.keptBytes + VOLUME_BYTES).toBe(DEFAULT_LIMITS.keptBytes);
    shareOut([stack, stack, stack, stack], limits);
    expect(fitted).toBe(128 * 1024 ** 2);
  });
});

describe("a model that is closed in mid-drag", () => {
  it("is not being dragged any more", async () => {
    const model = new MprModel(transportOf(), "1.2");
    const stop = model.listen(() => undefined);
    await model.load();
    model.setDragging(true);
    stop();
    expect([model.isClosed, model.isDragging]).toEqual([true, false]);
  });
});

describe("Home and End", () => {
  it("go to the first and the last slice, whatever the stack", async () => {
    const model = new MprModel({ ...transportOf(), stack: () => Promise.resolve(stackOf(5, (_, i) => ({ position_mm: [-10, -20 + 0.5 * i, 2 * i] }))) }, "1.2");
    model.listen(() => undefined);
    await model.load();
    model.stepToEnd("axial", "last");
    expect(model.crosshair[2]).toBe(8);
    model.stepToEnd("axial", "first");
    expect(model.crosshair[2]).toBe(0);
    model.stepToEnd("sagittal", "last");
    expect(model.crosshair[0]).toBeCloseTo(-10, 9); // the normal points to the right
    model.close();
  });
});
