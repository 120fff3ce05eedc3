import { describe, expect, it } from "vitest";
import { type ImagePlane, positionOn, voxelOn } from "../src/ground/plane";
import type { FrameDescription, StackDescription } from "../src/ground/transport";
import { isOn, isSamePlane, measuredOn, placedOn, toldPoints } from "../src/measure/seen";
import type { Measurement } from "../src/measure/shapes";
import { fineGeometry, FineSampler, LARGEST_PART } from "../src/mpr/fine";
import { geometryOf, isRefusal } from "../src/mpr/geometry";
import type { Projection } from "../src/mpr/slab";
import type { Vector } from "../src/mpr/vectors";
import { Volume } from "../src/mpr/volume";

const [ROWS, COLUMNS, SLICES] = [12, 16, 9];
const X: Vector = [1, 0, 0];
const DOWN: Vector = [0, 0, -1];
const stored = (column: number, row: number, slice: number): number => 7 * column + 3 * row + 11 * slice + ((column * row * slice) % 5);

function volumeOf(change: Partial<StackDescription> = {}, scaleOf: ((k: number) => { slope: number; intercept: number }) = () => ({ slope: 0.5, intercept: -20 }), valueAt = stored): Volume {
  const frames = Array.from({ length: SLICES }, (_, i): FrameDescription => ({
    SOPInstanceUID: `1.2.${i}`, frame: 0, rows: ROWS, columns: COLUMNS, dtype: "int16", ...scaleOf(i),
    position_mm: [-10, -20, 2 * i], z_mm: 2 * i, InstanceNumber: i + 1,
  }));
  const stack: StackDescription = {
    SeriesInstanceUID: "1.2", kind: "volume", badges: [], units: "HU", modality: "CT", photometric_interpretation: "MONOCHROME2",
    orientation: [1, 0, 0, 0, 1, 0], pixel_spacing_mm: [1, 1], windows: [], frames, corner: { top_left: [], top_right: [], bottom_right: [] }, ...change,
  };
  const geometry = geometryOf(stack);
  if (isRefusal(geometry)) throw new Error(geometry.sentence);
  const volume = new Volume(stack, geometry);
  for (let k = 0; k < SLICES; k += 1) {
    const data = Int16Array.from({ length: ROWS * COLUMNS }, (_, i) => valueAt(i % COLUMNS, Math.floor(i / COLUMNS), k));
    volume.put(k, { stored: data, rows: ROWS, columns: COLUMNS, ...scaleOf(k) } as never);
  }
  return volume;
}

function planeOf(volume: Volume, y: number, slab_mm = 0, projection: Projection = "mean"): ImagePlane {
  const geometry = fineGeometry(volume.full, [3, y, 7], X, DOWN);
  const sampler = new FineSampler();
  return {
    SeriesInstanceUID: "1.2", FrameOfReferenceUID: null, SOPInstanceUID: null, frame: null, units: "HU", spacing_mm: geometry.spacing_mm, geometry,
    step_mm: 1, ...(slab_mm > 0 ? { slab_mm, projection } : {}), toCanvas: () => null, toPatient: () => null, toVoxel: (x, y_) => [x, y_], fromVoxel: (x, y_) => [x, y_],
    values: () => { throw new Error("the canvas is not measured"); },
    part: (points) => sampler.part(volume, { geometry, slab_mm, projection }, points),
  };
}

describe("a plane's own samples", () => {
  it("go from the first voxel in steps of the least spacing, wherever the plane is passed through", () => {
    const volume = volumeOf();
    const geometry = fineGeometry(volume.full, [3, -15.5, 7], X, DOWN);
    expect(geometry).toMatchObject({ origin_mm: [-10, -15.5, 16], spacing_mm: [1, 1], columns: 16, rows: 17 });
    expect(fineGeometry(volume.full, [-4.2, -15.5, 1.3], X, DOWN)).toEqual(geometry);
  });

  it("are the voxels where they coincide, and lie linearly between them elsewhere", () => {
    const part = planeOf(volumeOf(), -15).part?.([[2, 4], [6, 7]]);
    expect(part?.first).toEqual([1, 3]);
    const { data, columns } = (part as NonNullable<typeof part>).values;
    // Row 4 lies 12 mm up: slice 6; row 5 between the slices 5 and 6.
    expect(data[columns * 1 + 2]).toBe(stored(3, 5, 6) * 0.5 - 20);
    expect(data[columns * 2 + 2]).toBeCloseTo(((stored(3, 5, 5) + stored(3, 5, 6)) / 2) * 0.5 - 20, 12);
  });

  it("are NaN beyond the volume and next to padding, which a voxel without weight is not", () => {
    const at = (padding: [number, number] | null, points: [number, number][]): number[] =>
      Array.from(planeOf(volumeOf({ padding }), -15).part?.(points)?.values.data ?? []);
    expect(at(null, [[-9, -9]]).every((value) => Number.isNaN(value))).toBe(true);
    const value = stored(3, 5, 6);
    expect(at([value, value], [[3, 4]])[4]).toBeNaN();
    expect(at([value, value], [[3, 6]])[4]).toBe(stored(3, 5, 5) * 0.5 - 20);
    expect(at([value, value], [[3, 5]])[4]).toBeNaN();
  });

  it("are NaN for padding where each slice has a scale of its own", () => {
    const padding: [number, number] = [-500, -500];
    const volume = volumeOf({ padding }, (k) => ({ slope: -0.5 * (k + 1), intercept: 10 * k }), (column, row, slice) => (column === 3 && row === 5 ? -500 : stored(column, row, slice)));
    const { data } = planeOf(volume, -15).part?.([[3, 4], [5, 4]])?.values ?? { data: [] };
    // Row 4 is slice 6: its padding is 1810, and no other voxel is.
    expect(data[5]).toBe(stored(2, 5, 6) * -3.5 + 60);
    expect(data[6]).toBeNaN();
    expect(data[7]).toBe(stored(4, 5, 6) * -3.5 + 60);
  });

  it("of a slab are the mean, the largest or the least across its thickness", () => {
    const across = [4, 5, 6].map((row) => stored(3, row, 6) * 0.5 - 20);
    const middle = (how: Projection): number => planeOf(volumeOf(), -15, 3, how).part?.([[3, 4]])?.values.data[4] as number;
    expect(middle("mean")).toBeCloseTo(across.reduce((sum, value) => sum + value) / 3, 12);
    expect(middle("max")).toBe(Math.max(...across));
    expect(middle("min")).toBe(Math.min(...across));
  });

  it("are not more than Python computes anew", () => {
    const side = Math.ceil(Math.sqrt(LARGEST_PART));
    expect(planeOf(volumeOf(), -15).part?.([[0, 0], [side, side]])).toBeNull();
  });
});

describe("a measurement on a plane", () => {
  const points = [[2, 4], [9, 12]] as const;

  it("has the same figures wherever its part begins, and says where the volume ends", () => {
    const plane = planeOf(volumeOf(), -15);
    const inside = measuredOn("rectangle", points, plane);
    expect(inside).toMatchObject({ count: 72, excluded: 0, clipped: false, area_mm2: 56 });
    expect(measuredOn("rectangle", [[2, -4], [9, 12]], plane)).toMatchObject({ count: 8 * 13, excluded: 8 * 4, clipped: true });
    expect(measuredOn("length", points, plane)).toEqual({ length_mm: Math.hypot(7, 8) });
    expect(measuredOn("probe", [[40, 2]], plane)).toMatchObject({ value: null, clipped: true });
  });

  it("says what slab it was made on", () => {
    expect(placedOn(points, planeOf(volumeOf(), -15, 3, "max")).plane).toMatchObject({ slab_mm: 3, projection: "max", spacing_mm: [1, 1] });
    expect(placedOn(points, planeOf(volumeOf(), -15)).plane).toMatchObject({ slab_mm: 0 });
  });

  it("lies on planes within half a step of its own", () => {
    const drawn = { SeriesInstanceUID: "1.2", ...placedOn(points, planeOf(volumeOf(), -15)) } as Measurement;
    expect(isOn(drawn, planeOf(volumeOf(), -15.49))).toBe(true);
    expect(isOn(drawn, planeOf(volumeOf(), -15.51))).toBe(false);
  });

  it("is counted from the points that its place in the patient gives", () => {
    const plane = planeOf(volumeOf(), -15);
    const { geometry } = plane;
    if (geometry === null) throw new Error("no place");
    expect(toldPoints(placedOn(points, plane), points, plane)).toEqual(points.map((point) => voxelOn(geometry, positionOn(geometry, point[0], point[1]))));
  });

  it("goes on being drawn while the crosshair moves along its plane, not on another one", () => {
    const volume = volumeOf();
    expect(isSamePlane(planeOf(volume, -15), planeOf(volume, -15 + 1e-12))).toBe(true);
    expect(isSamePlane(planeOf(volume, -15), planeOf(volume, -14))).toBe(false);
    expect(isSamePlane(planeOf(volume, -15), planeOf(volume, -15, 3))).toBe(false);
  });
});
