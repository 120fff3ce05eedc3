import { describe, expect, it } from "vitest";
import type { StackDescription, Transport } from "../src/ground/transport";
import { decodeMpr, encodeMpr } from "../src/mpr/address";
import { geometryOf, isRefusal } from "../src/mpr/geometry";
import { KeptVolumes } from "../src/mpr/kept";
import { type Change, MprModel } from "../src/mpr/model";
import { valueAt } from "../src/mpr/plane";
import { pythonOf } from "../src/mpr/words";
import { Volume } from "../src/mpr/volume";
import { echoes, PLANES, stackOf, STEPS, transportOf } from "./stacks";

function served(asked: number[] = []): Transport {
  return { ...transportOf(asked), stack: () => Promise.resolve(echoes()) };
}

async function opened(transport = served(), ...rest: (ConstructorParameters<typeof MprModel> extends [unknown, unknown, ...infer R] ? R : never)): Promise<MprModel> {
  const model = new MprModel(transport, "1.2", ...rest);
  model.listen(() => undefined);
  await model.load();
  return model;
}

const settled = (): Promise<unknown> => new Promise((done) => setTimeout(done, 20));

describe("a series with several volumes at the same places", () => {
  it("forms one volume of each, of its own frames", () => {
    const geometry = geometryOf(echoes(), 1);
    if (isRefusal(geometry)) throw new Error(geometry.sentence);
    expect(geometry.frames).toEqual([5, 6, 7, 8, 9]);
    const volume = new Volume(echoes(), geometry);
    expect([volume.extra_index, volume.slope, volume.isConverted]).toEqual([1, 2, false]);
    expect(volume.claimedBytes).toBe(PLANES * 6 * 8 * 2);
    expect(new Volume(stackOf(5), geometryOf(stackOf(5)) as never).extra_index).toBeNull();
  });

  it("is one slice where each volume has one", () => {
    const cine: StackDescription = { ...stackOf(4, () => ({ position_mm: [0, 0, 0] })), extra: { dim: "time", units: "s", values: [0, 1, 2, 3], planes: 1 } };
    expect(geometryOf(cine)).toMatchObject({ title: "One image" });
  });

  it("asks for the frames in view alone, and for those of another step once", async () => {
    const asked: number[] = [];
    const model = await opened(served(asked));
    await settled();
    expect([...asked].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
    expect(model.setExtra(2)).toBe(true);
    await settled();
    expect([...asked].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    model.setExtra(0);
    model.setExtra(2);
    await settled();
    expect(asked).toHaveLength(10);
    model.close();
  });

  it("shows the step's own values, at the same place, and says which it is", async () => {
    const model = await opened();
    const changes: Change[] = [];
    model.listen((change) => changes.push(change));
    const place = model.crosshair;
    await settled();
    const before = valueAt(model.volume as Volume, place).value;
    model.stepExtra(1);
    expect(changes).toContain("extra");
    await settled();
    expect(model.crosshair).toEqual(place);
    expect(valueAt(model.volume as Volume, place).value - before).toBe(500);
    expect(model.extraWords).toBe("echo 2/3, 5 ms");
    expect(pythonOf("axial", model)).toMatch(/^isel\(echo=1\)\.dicom\.reslice\(/);
    model.stepExtra(99);
    expect(model.extraIndex).toBe(2);
    expect(model.setExtra(NaN)).toBe(false);
    model.close();
  });

  it("begins at the step of the image in view, or where a state says", async () => {
    const stack = echoes();
    expect((await opened(served(), null, { stack, store: null, index: 12 })).extraIndex).toBe(2);
    const other = await opened();
    other.setExtra(1);
    const again = await opened(served(), other.state);
    expect(again.extraIndex).toBe(1);
    expect(again.state).toEqual(other.state);
    again.restore({ ...other.state, extra_index: 2 });
    expect(again.extraIndex).toBe(2);
    const { extra_index: _, ...older } = other.state;
    again.restore(older);
    expect(again.extraIndex).toBe(2); // a state of an earlier version says nothing of it
    expect((await opened(served(), { ...other.state, extra_index: 99 })).extraIndex).toBe(STEPS - 1);
    again.open({ SeriesInstanceUID: "1.3" });
    expect(again.extraIndex).toBe(0);
  });

  it("goes with the image in view rather than with the planes before, and fetches its frames alone", async () => {
    const [asked, stack] = [[] as number[], echoes()];
    const before = await opened();
    before.setExtra(1);
    // Only the loaders that are left open may ask: the frames of one echo, once.
    const again = await opened(served(asked), before.state, { stack, store: null, index: 12 });
    await settled();
    expect(again.extraIndex).toBe(2);
    expect([...asked].sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14]);
    again.close();
    before.close();
  });

  it("goes with what is said before there is a volume", async () => {
    const other = await opened();
    other.setExtra(1);
    const model = new MprModel(served(), "1.2", null, { stack: echoes(), store: null, index: 12 });
    model.listen(() => undefined);
    model.restore(other.state);
    await model.load();
    expect([model.extraIndex, model.crosshair]).toEqual([1, other.crosshair]);
    model.close();
    other.close();
  });

  it("asks again for what could not be had of a step that comes back, and says nothing is missing until then", async () => {
    const model = await opened();
    model.setExtra(1);
    await settled();
    model.volume?.failed.add(2); // as where one image could not be had
    expect(model.missing?.frames).toEqual([PLANES + 2]);
    model.setExtra(0);
    model.setExtra(1);
    expect(model.missing).toBeNull();
    model.close();
  });

  it("is in the address where it is not the first", async () => {
    const model = await opened();
    expect(encodeMpr(model.state)).toBe("-7.55:-17.75:4,,,");
    model.setExtra(2);
    expect(encodeMpr(model.state)).toBe("-7.55:-17.75:4,,,,e2");
    expect(decodeMpr(encodeMpr(model.state))?.extra_index).toBe(2);
    expect(decodeMpr("-7.55:-17.75:4,,,")?.extra_index).toBe(0);
    for (const text of ["1:2:3,,,,2", "1:2:3,,,,e-1", "1:2:3,,,,e1.5", "1:2:3,,,,e", "1:2:3,,,,e99999999", "1:2:3,,,,e1,e1"]) expect(decodeMpr(text)).toBeNull();
  });

  it("says in words which step forms no volume, and goes on past it", async () => {
    const stack = echoes();
    const colour = stack.frames.map((frame, i) => (i >= PLANES && i < 2 * PLANES ? { ...frame, dtype: "rgb8" as const } : frame));
    const model = await opened({ ...served(), stack: () => Promise.resolve({ ...stack, frames: colour }) });
    const changes: Change[] = [];
    model.listen((change) => changes.push(change));
    await settled();
    changes.length = 0;
    expect([model.setExtra(1), model.extraIndex, changes]).toEqual([true, 0, ["missing"]]);
    expect(model.refusedStep?.words).toBe("No planes of echo 2/3, 5 ms: colour images");
    expect(model.refusedStep?.why).toContain("nothing is interpolated");
    model.stepExtra(1);
    expect([model.extraIndex, model.refusedStep?.words]).toEqual([2, "No planes of echo 2/3, 5 ms: colour images"]);
    model.stepExtra(1);
    expect([model.extraIndex, model.refusedStep]).toEqual([2, null]);
    model.stepExtra(-2);
    expect([model.extraIndex, model.refusedStep]).toEqual([0, null]);
    model.close();
  });

  it("has no other step where there is one volume", async () => {
    const model = await opened(transportOf());
    expect([model.stepExtra(1), model.extraSize, model.extraWords]).toEqual([false, 1, null]);
    model.close();
  });
});

describe("volumes that are kept", () => {
  it("go, the least recently used first, where they take more than they may", async () => {
    const volumes = await Promise.all([0, 1, 2].map(async (step) => {
      const model = await opened();
      model.setExtra(step);
      await settled();
      return model.volume as Volume;
    }));
    const kept = new KeptVolumes();
    const bytes = (volumes[0] as Volume).bytes;
    volumes.forEach((volume, step) => kept.keep(step, volume, 2 * bytes));
    expect(kept.bytes).toBe(2 * bytes);
    expect(kept.take(0)).toBeNull();
    expect(kept.take(2)).toBe(volumes[2]);
    expect(kept.take(2)).toBeNull();
    kept.keep(1, volumes[1] as Volume, 0);
    expect(kept.bytes).toBe(0);
  });

  it("hand over the next one before the last one takes its place", async () => {
    const model = await opened();
    await settled();
    const one = model.volume as Volume;
    model.setExtra(1);
    await settled();
    const other = model.volume as Volume;
    const kept = new KeptVolumes();
    kept.keep(0, one, one.bytes);
    // There is room for one beside that in view: to and fro asks for nothing.
    expect(kept.exchange(1, other, 0, one.bytes)).toBe(one);
    expect(kept.exchange(0, one, 1, one.bytes)).toBe(other);
    expect(kept.bytes).toBe(one.bytes);
    model.close();
  });
});
