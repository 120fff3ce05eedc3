import { describe, expect, it } from "vitest";
import type { StackDescription } from "../src/ground/transport";
import { badgesOf, geometryOf, isRefusal, placeAt } from "../src/mpr/geometry";
import { decodeMpr, encodeMpr } from "../src/mpr/address";
import { MprModel, normalOf, obliquity } from "../src/mpr/model";
import { valueAt } from "../src/mpr/plane";
import { probeAt, pythonOf, wordsOf } from "../src/mpr/words";
import { dot } from "../src/mpr/vectors";
import { keptAs, reduced, reduceSlice, Volume, VolumeLoader } from "../src/mpr/volume";
import { FrameStore } from "../src/viewer/frames";
import { COLUMNS, geometryIn, ROWS, stackOf, transportOf } from "./stacks";

const titleOf = (stack: StackDescription): string => {
  const found = geometryOf(stack);
  return isRefusal(found) ? found.title : "";
};

const nothing = { onLanded: () => undefined, onFailed: () => undefined, onMissing: () => undefined, onStale: () => undefined };

describe("what forms no volume", () => {
  it("is said in words", () => {
    expect(titleOf(stackOf(1))).toBe("One image");
    expect(titleOf(stackOf(4, () => ({ dtype: "rgb8" })))).toBe("Colour images");
    expect(titleOf({ ...stackOf(4), orientation: null })).toBe("No place in the patient");
    expect(titleOf({ ...stackOf(4), pixel_spacing_mm: null })).toBe("No place in the patient");
    expect(titleOf(stackOf(4, (_, i) => ({ position_mm: i === 2 ? null : [0, 0, i] })))).toBe("No place in the patient");
    expect(titleOf(stackOf(4, (_, i) => ({ rows: i === 2 ? 5 : ROWS })))).toBe("Several matrices");
    expect(titleOf(stackOf(4, (_, i) => ({ position_mm: [0, 0, i === 3 ? 4 : 2 * i] })))).toBe("1 at a place taken");
    expect(titleOf(stackOf(4))).toBe("");
  });

  it("slices lie by their heights, whatever the order of the frames", () => {
    const geometry = geometryIn(stackOf(5, (_, i) => ({ position_mm: [0, 0, 10 - 2 * i] })));
    expect(geometry.frames).toEqual([4, 3, 2, 1, 0]);
    expect(Array.from(geometry.heights_mm)).toEqual([2, 4, 6, 8, 10]);
  });

  it("a tilt, a gap and uneven steps have a badge that explains itself", () => {
    const words = (change: (i: number) => [number, number, number]): string[] => badgesOf(geometryIn(stackOf(8, (_, i) => ({ position_mm: change(i) })))).map((badge) => badge.text);
    expect(words((i) => [0, 0, 2 * i])).toEqual([]);
    expect(words((i) => [0, 0.5 * i, 2 * i])).toEqual(["Sheared 14°"]);
    expect(words((i) => [0, 0, 2 * i + (i > 4 ? 6 : 0)])).toEqual(["1 gap, hatched"]);
    expect(words((i) => [0, 0, 2 * i + (i > 4 ? 0.5 : 0)])).toEqual(["Uneven steps"]);
  });
});

describe("a volume", () => {
  it("keeps stored values, and values where scales differ", () => {
    expect(keptAs(stackOf(3, () => ({ slope: 2, intercept: -5 })))).toEqual({ slope: 2, intercept: -5, isConverted: false });
    const stack = stackOf(3, (_, i) => ({ slope: i + 1 }));
    const volume = new Volume(stack, geometryIn(stack));
    volume.put(2, { rows: ROWS, columns: COLUMNS, slope: 3, intercept: 1, channels: 1, stored: Int16Array.from({ length: ROWS * COLUMNS }, (_, i) => i) });
    expect(volume.slices[2]).toBeInstanceOf(Float32Array);
    expect(volume.slices[2]?.[4]).toBe(13);
    expect([volume.slope, volume.intercept, volume.count, volume.bytes]).toEqual([1, 0, 1, 4 * ROWS * COLUMNS]);
  });

  it("is reduced within its slices above its bound, and its places stay true", () => {
    const stack = stackOf(5);
    const full = geometryIn(stack);
    const volume = new Volume(stack, full, 5 * ROWS * COLUMNS * 2 - 1);
    expect([volume.factor, volume.geometry.rows, volume.geometry.columns]).toEqual([2, 3, 4]);
    expect(volume.badges.map((badge) => badge.text)).toEqual(["Reduced 1 : 2"]);
    const middle = placeAt(full, 2.5, 0.5, 1);
    placeAt(reduced(full, 2), 1, 0, 1).forEach((part, axis) => expect(part).toBeCloseTo(middle[axis] as number, 12));
    expect(Array.from(reduceSlice(Int16Array.of(0, 1, 9, 9, 2, 4, 9, 9), 4, 2, 2))).toEqual([2, 9]);
  });

  it("is fetched from the crosshair outwards, each frame once, and a known frame not at all", async () => {
    const stack = stackOf(5);
    const asked: number[] = [];
    const store = new FrameStore(stack, transportOf(), nothing);
    store.want(3, 1);
    await new Promise((done) => setTimeout(done, 5));
    const volume = new Volume(stack, geometryIn(stack));
    const landed: number[] = [];
    const loader = new VolumeLoader(volume, transportOf(asked), { ...nothing, onLanded: (slices) => landed.push(...slices) });
    loader.start(3);
    await new Promise((done) => setTimeout(done, 20));
    expect(asked[0]).toBe(3);
    expect([...asked].sort()).toEqual([0, 1, 2, 3, 4]);
    expect([...landed].sort()).toEqual([0, 1, 2, 3, 4]);
    expect([volume.isComplete, loader.isLoading]).toEqual([true, false]);
    expect(valueAt(volume, placeAt(volume.full, 2.5, 1, 3.5)).value).toBeCloseTo(352.5, 9);
    const again: number[] = [];
    const second = new Volume(stack, geometryIn(stack));
    new VolumeLoader(second, transportOf(again), nothing, store).start(0);
    expect([second.isComplete, again.length]).toEqual([true, 0]);
  });

  it("above its bound is fetched all the same, within a smaller store", async () => {
    const stack = stackOf(5);
    const volume = new Volume(stack, geometryIn(stack), 5 * ROWS * COLUMNS * 2 - 1);
    const loader = new VolumeLoader(volume, transportOf(), nothing);
    loader.start(2);
    await new Promise((done) => setTimeout(done, 20));
    expect(volume.isComplete).toBe(true);
    expect(volume.bytes).toBe(5 * 12 * 2);
    loader.close();
  });
});

describe("the model of three planes", () => {
  async function opened(): Promise<MprModel> {
    const model = new MprModel(transportOf(), "1.2");
    model.listen(() => undefined);
    await model.load();
    return model;
  }

  it("begins on a slice in the middle, and steps from slice to slice along the axial normal", async () => {
    const model = await opened();
    expect(model.crosshair[2]).toBe(4);
    model.step("axial", 1);
    expect(model.crosshair[2]).toBe(6);
    model.step("axial", 99);
    expect(model.crosshair[2]).toBe(8);
    model.step("sagittal", 1);
    expect(model.crosshair[0]).toBeCloseTo(-10 + 3.5 * 0.7 - 0.7, 9);
  });

  it("keeps the crosshair in the volume", async () => {
    const model = await opened();
    model.moveTo([500, -20, 3]);
    expect(model.crosshair[0]).toBeCloseTo(-10 + 7 * 0.7, 9);
    expect(model.crosshair.slice(1)).toEqual([-20, 3]);
  });

  it("turns one plane about an axis, and puts all back", async () => {
    const model = await opened();
    for (let i = 0; i < 100; i += 1) model.turn("axial", [1, 0, 0], 0.002);
    const { right, down } = model.planes.axial;
    expect(obliquity("axial", model.planes.axial)).toBeCloseTo((0.2 * 180) / Math.PI, 6);
    expect(Math.abs(dot(right, down))).toBeLessThan(1e-14);
    expect(Math.hypot(...normalOf(model.planes.axial))).toBeCloseTo(1, 12);
    expect(model.planes.coronal).toEqual({ right: [1, 0, 0], down: [0, 0, -1], slab_mm: 0, projection: "max" });
    model.resetPlanes();
    expect(model.isOrthogonal).toBe(true);
  });

  it("takes over a state, and leaves out frames that are none", async () => {
    const model = await opened();
    const { planes } = model.state;
    model.restore({ crosshair_mm: [-8, -18, 1], planes: { ...planes, axial: { ...planes.axial, right: [0, 0, 0], slab_mm: 5 }, coronal: { ...planes.coronal, slab_mm: 1e9 } } });
    expect(model.crosshair).toEqual([-8, -18, 1]);
    expect(model.planes.axial.slab_mm).toBe(0);
    expect(model.planes.coronal.slab_mm).toBe(1000);
  });
});

describe("planes in an address", () => {
  it("come back from it, and are short where they are as at the beginning", async () => {
    const model = new MprModel(transportOf(), "1.2");
    model.listen(() => undefined);
    await model.load();
    expect(encodeMpr(model.state)).toBe("-7.55:-17.75:4,,,");
    model.turn("axial", [0.6, 0.8, 0], 0.4);
    model.setPlane("sagittal", { slab_mm: 12.5, projection: "mean" });
    const text = encodeMpr(model.state);
    expect(text).toMatch(/^[0-9a-z.,:-]+$/);
    const found = decodeMpr(text);
    expect(found?.planes.sagittal).toEqual(model.planes.sagittal);
    found?.planes.axial.right.forEach((part, i) => expect(part).toBeCloseTo(model.planes.axial.right[i] as number, 7));
  });

  it.each(["", "1:2,,,", "1:2:3,,", "1:2:3,1:0:0:,,", "1:2:3,0:0:0:0:1:0:,,", "1:2:3,:m-4,,", "1:2:3,:q4,,", "1:2:3,:m9999,,", "1:2:1e9,,,", "1:2:NaN,,,", "1:2:3,:m,,"])("that are unsound are none: %s", (text) => {
    expect(decodeMpr(text)).toBeNull();
  });
});

describe("a plane in words", () => {
  it("says where it lies, how thick it is, and how a value came about", async () => {
    const model = new MprModel(transportOf(), "1.2");
    model.listen(() => undefined);
    await model.load();
    await new Promise((done) => setTimeout(done, 20));
    expect(wordsOf("axial", model.planes.axial, model.crosshair)).toBe("H 4.0 mm");
    expect(wordsOf("sagittal", model.planes.sagittal, model.crosshair)).toBe("R 7.5 mm");
    expect(pythonOf("coronal", model)).toBe('reslice(centre_mm=(-7.55, -17.75, 4), normal="coronal")');
    expect(probeAt(model, "axial", [-10 + 3 * 0.7, -20 + 0.9, 4], NaN)).toMatchObject({ values: [203], units: "HU", voxel: null });
    expect(probeAt(model, "axial", [-10 + 3.5 * 0.7, -20, 5], NaN)).toMatchObject({ values: [253.5], note: "interpolated" });
    expect(probeAt(model, "axial", [500, 0, 0], NaN)).toBeNull();
    model.turn("axial", [1, 0, 0], 0.2);
    model.setPlane("axial", { slab_mm: 12, projection: "mean" });
    expect(wordsOf("axial", model.planes.axial, model.crosshair)).toBe("oblique 11.5° · Mean 12 mm");
    expect(probeAt(model, "axial", model.crosshair, 77)).toMatchObject({ values: [77], note: "Mean of 12 mm" });
    expect(pythonOf("axial", model)).toBe('slab(thickness_mm=12, how="mean", centre_mm=(-7.55, -17.75, 4), normal=(0, -0.1986693, 0.9800666), up=(0, -0.9800666, -0.1986693))');
  });
});
