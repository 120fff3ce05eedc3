import { describe, expect, it } from "vitest";
import type { StackDescription } from "../src/ground/transport";
import { geometryOf, indexAt, isRefusal, placeAt, type VolumeGeometry } from "../src/mpr/geometry";
import { GAP, INSIDE, MISSING, OUTSIDE, type PlaneGrid, PlaneSampler, Sampled, valueAt } from "../src/mpr/plane";
import { offsetsOf, type Projection, SlabSampler, zoomOnto } from "../src/mpr/slab";
import type { Vector } from "../src/mpr/vectors";
import type { Voxels } from "../src/mpr/volume";
import type { Stored } from "../src/viewer/renderer";
import vectors from "../../../../tests/vectors/mpr/planes.json";

interface Plane {
  name: string;
  grid: PlaneGrid & { normal: Vector };
  expected: (number | null)[];
}

interface Case {
  name: string;
  orientation: [number, number, number, number, number, number];
  pixel_spacing_mm: [number, number];
  rows: number;
  columns: number;
  positions_mm: [number, number, number][];
  stored: number[];
  planes: Plane[];
  slabs: (Plane & { thickness_mm: number; sampling_mm: number; how: Projection })[];
}

// Made by Python: `python -m tests.views.mpr_vectors`.
const { cases } = vectors as unknown as { cases: Case[] };

export function stackOf(found: Pick<Case, "orientation" | "pixel_spacing_mm" | "rows" | "columns" | "positions_mm">): StackDescription {
  return {
    SeriesInstanceUID: "1.2", kind: "volume", badges: [], units: "HU", modality: "CT", photometric_interpretation: "MONOCHROME2",
    orientation: found.orientation, pixel_spacing_mm: found.pixel_spacing_mm, windows: [], corner: { top_left: [], top_right: [], bottom_right: [] },
    frames: found.positions_mm.map((position_mm, i) => ({
      SOPInstanceUID: `1.2.${i}`, frame: 0, rows: found.rows, columns: found.columns, dtype: "int16", slope: 1, intercept: 0, position_mm, z_mm: null, InstanceNumber: i,
    })),
  };
}

function voxelsOf(found: Case): Voxels & { slices: (Stored | null)[] } {
  const geometry = geometryOf(stackOf(found));
  if (isRefusal(geometry)) throw new Error(geometry.sentence);
  const size = found.rows * found.columns;
  return { geometry, slices: geometry.frames.map((k) => Int16Array.from(found.stored.slice(k * size, (k + 1) * size))) };
}

/** The values as they were expected: null where there are none. */
const listed = ({ values, cover, columns, rows }: Sampled): (number | null)[] =>
  Array.from({ length: columns * rows }, (_, i) => (cover[i] === INSIDE ? (values[i] as number) : null));

function expectClose(found: (number | null)[], expected: (number | null)[]): void {
  expect(found.map((value) => value === null)).toEqual(expected.map((value) => value === null));
  found.forEach((value, i) => { if (value !== null) expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-3); });
}

describe.each(cases)("$name", (found) => {
  const voxels = voxelsOf(found);

  it.each(found.planes)("$name is what scipy samples", ({ grid, expected }) => {
    const out = new Sampled();
    new PlaneSampler().sample(voxels, grid, out);
    expect(expected.some((value) => value !== null)).toBe(true);
    expectClose(listed(out), expected);
  });

  it.each(found.slabs)("slab: $name is what Python projects", ({ grid, thickness_mm, sampling_mm, how, expected }) => {
    const out = new Sampled();
    new SlabSampler().project(voxels, grid, grid.normal, offsetsOf(thickness_mm, sampling_mm), how, out);
    expect(expected.some((value) => value !== null)).toBe(true);
    expectClose(listed(out), expected);
  });

  it("a place and its indices come back", () => {
    for (const index of [[0, 0, 0], [3.3, 4.2, 1.7], [11, 9, 6]] as const) {
      const [column, row, slice] = index;
      indexAt(voxels.geometry, placeAt(voxels.geometry, column, row, slice)).forEach((part, i) => expect(part).toBeCloseTo(index[i] as number, 9));
    }
  });

  it("a lone value is the plane's", () => {
    const { geometry, slices } = voxels;
    const { value, cover } = valueAt(voxels, placeAt(geometry, 4, 5, 2));
    expect(cover).toBe(INSIDE);
    expect(value).toBeCloseTo((slices[2] as Stored)[5 * geometry.columns + 4] as number, 3);
    expect(valueAt(voxels, placeAt(geometry, -0.5, 5, 2)).cover).toBe(OUTSIDE);
  });
});

const uneven = cases.find((found) => found.name.startsWith("uneven")) as Case;
const axial = cases.find((found) => found.name.startsWith("axial")) as Case;

/** A grid of the voxels themselves, through slice k: one pixel a voxel. */
function sliceGrid(geometry: VolumeGeometry, k: number): PlaneGrid & { normal: Vector } {
  const { right, down, normal, spacing_mm: [row_mm, column_mm] } = geometry;
  const times = (a: Vector, by: number): Vector => [a[0] * by, a[1] * by, a[2] * by];
  return { origin: placeAt(geometry, 0, 0, k), right: times(right, column_mm), down: times(down, row_mm), columns: geometry.columns, rows: geometry.rows, normal };
}

describe("what is not there", () => {
  it("is a gap between slices that lie too far apart, and both slices themselves are shown", () => {
    const voxels = voxelsOf(uneven);
    const out = new Sampled();
    for (const [k, cover] of [[4, INSIDE], [4.5, GAP], [5, INSIDE], [5.5, INSIDE]] as const) {
      new PlaneSampler().sample(voxels, sliceGrid(voxels.geometry, k), out);
      expect(new Set(out.cover.subarray(0, out.columns * out.rows))).toEqual(new Set([cover]));
    }
  });

  it("is missing until its slice has landed; a sagittal plane takes it in then", () => {
    const voxels = voxelsOf(axial);
    const late = voxels.slices[3] as Stored;
    voxels.slices[3] = null;
    const plane = axial.planes.find(({ name }) => name === "sagittal") as Plane;
    const [sampler, out] = [new PlaneSampler(), new Sampled()];
    sampler.sample(voxels, plane.grid, out);
    expect(Array.from(out.cover)).toContain(MISSING);
    voxels.slices[3] = late;
    sampler.sample(voxels, plane.grid, out);
    expectClose(listed(out), plane.expected);
  });
});

describe("slabs", () => {
  it("of as many slices as their thickness holds are made of those slices", () => {
    offsetsOf(7.5, 2.5).forEach((offset, i) => expect(offset).toBeCloseTo([-2.5, 0, 2.5][i] as number, 12));
    expect(offsetsOf(7.5, 2.5)).toHaveLength(3);
    expect(offsetsOf(0, 2.5)).toEqual([0]);
  });

  it("come out the same by the way for whole voxels and by the general one", () => {
    const voxels = voxelsOf(axial);
    const sampler = new SlabSampler();
    for (const how of ["max", "min", "mean"] as const) {
      const grid = sliceGrid(voxels.geometry, 3);
      const [fast, slow] = [new Sampled(), new Sampled()];
      sampler.project(voxels, grid, grid.normal, offsetsOf(6, 2.5), how, fast);
      const half: PlaneGrid = { ...grid, columns: 2 * grid.columns - 1, right: [grid.right[0] / 2, 0, 0] };
      sampler.project(voxels, half, grid.normal, offsetsOf(6, 2.5), how, slow);
      expectClose(listed(fast), listed(slow).filter((_, i) => (i % half.columns) % 2 === 0));
    }
  });
});

describe("zooming a plane", () => {
  it("interpolates between its pixels, and is nothing beside a pixel that is nothing", () => {
    const source = new Sampled();
    source.clear(3, 2);
    source.values.set([0, 10, NaN, 20, 30, NaN]);
    source.cover.set([INSIDE, INSIDE, GAP, INSIDE, INSIDE, GAP]);
    const from: PlaneGrid = { origin: [0, 0, 0], right: [1, 0, 0], down: [0, 2, 0], columns: 3, rows: 2 };
    const out = new Sampled();
    zoomOnto(source, from, { origin: [-0.5, 0, 0], right: [0.5, 0, 0], down: [0, 1, 0], columns: 6, rows: 3 }, out);
    expect(listed(out)).toEqual([null, 0, 5, 10, null, null, null, 10, 15, 20, null, null, null, 20, 25, 30, null, null]);
    expect(out.cover[5]).toBe(GAP);
  });
});
