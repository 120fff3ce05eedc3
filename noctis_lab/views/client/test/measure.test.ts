import { describe, expect, it } from "vitest";
import { areaOf, type Point } from "../src/measure/area";
import { figuresOf, type Ground } from "../src/measure/figures";
import { type PlaneGeometry, type Vector, voxelOn } from "../src/ground/plane";
import type { Kind, Place, Plane, Values } from "../src/measure/shapes";
import { type Grid, statisticsIn } from "../src/measure/statistics";
import figuresText from "../../../../tests/vectors/measure/figures.json?raw";
import planesText from "../../../../tests/vectors/measure/planes.json?raw";

interface Image {
  name: string;
  columns: number;
  rows: number;
  stored: (number | null)[] | null;
  dtype: string | null;
  slope: number;
  intercept: number;
  padding: [number, number] | null;
  spacing_mm: [number, number] | null;
  units: string | null;
}

interface Case {
  name: string;
  kind: Kind;
  points_px: Point[];
  values: Values;
  voxels?: Point[];
}

const ARRAYS: Record<string, (numbers: number[]) => Grid["data"]> = {
  uint8: (numbers) => Uint8Array.from(numbers), int8: (numbers) => Int8Array.from(numbers),
  uint16: (numbers) => Uint16Array.from(numbers), int16: (numbers) => Int16Array.from(numbers),
  uint32: (numbers) => Uint32Array.from(numbers), int32: (numbers) => Int32Array.from(numbers),
  float32: (numbers) => Float32Array.from(numbers), float64: (numbers) => Float64Array.from(numbers),
};

function groundOf({ columns, rows, stored, dtype, slope, intercept, padding, spacing_mm, units }: Image): Ground {
  const numbers = stored?.map((value) => value ?? NaN);
  const data = numbers && ARRAYS[dtype as string]?.(numbers);
  return { columns, rows, spacing_mm, units, grid: data ? { data, columns, rows, slope, intercept, padding } : null };
}

/** Every figure equal to 1e-9 relative; names, text, counts and nulls exactly. */
function expectFigures(found: unknown, expected: unknown, path: string): void {
  if (typeof expected === "number" && typeof found === "number") {
    expect(Math.abs(found - expected), `${path}: ${found} is not ${expected}`).toBeLessThanOrEqual(1e-9 * Math.abs(expected));
  } else if (expected !== null && typeof expected === "object") {
    expect(Object.keys(found as object).sort(), path).toEqual(Object.keys(expected).sort());
    for (const [key, value] of Object.entries(expected)) expectFigures((found as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else expect(found, path).toBe(expected);
}

const voxelsOf = (kind: Kind, points: Point[], ground: Ground): Point[] => {
  const { runs, count } = areaOf(kind, points, ground) ?? { runs: new Int32Array(0), count: 0 };
  const voxels: Point[] = [];
  for (let i = 0; i < runs.length; i += 3) {
    for (let column = runs[i + 1] as number; column < (runs[i + 2] as number); column += 1) voxels.push([column, runs[i] as number]);
  }
  expect(voxels.length).toBe(count);
  return voxels;
};

describe("figures and voxels are Python's", () => {
  for (const { image, cases } of JSON.parse(figuresText) as { image: Image; cases: Case[] }[]) {
    const ground = groundOf(image);
    it.each(cases.map((item) => [item.name, item] as const))(`${image.name}: %s`, (_, { kind, points_px, values, voxels }) => {
      expectFigures(figuresOf(kind, points_px, ground), values, kind);
      if (voxels) expect(voxelsOf(kind, points_px, ground)).toEqual(voxels);
    });
  }
});

describe("a reformat's plane", () => {
  it("gives its places in its own voxels as Python does", () => {
    const found = JSON.parse(planesText) as { plane: Plane; points_mm: Place[]; points_px: Point[] }[];
    expect(found.length).toBeGreaterThan(0);
    for (const { plane, points_mm, points_px } of found) {
      points_mm.forEach((place, i) => {
        const point = voxelOn(plane as unknown as PlaneGeometry, place as Vector);
        point.forEach((part, axis) => expect(part).toBeCloseTo((points_px[i] as Point)[axis] as number, 8));
      });
    }
  });
});

describe("statistics under the mouse", () => {
  it("of 512² voxels take no more than 2 ms", () => {
    const data = Int16Array.from({ length: 512 * 512 }, (_, i) => ((i * 7919) % 4096) - 1024);
    const grid: Grid = { data, columns: 512, rows: 512, slope: 1, intercept: 0, padding: null };
    const points: Point[] = [[0, 0], [511, 511]];
    const times = Array.from({ length: 40 }, () => {
      const start = performance.now();
      statisticsIn(grid, areaOf("ellipse", points, grid) as NonNullable<ReturnType<typeof areaOf>>);
      return performance.now() - start;
    });
    // The best: what is measured is this code, not what else the machine is doing.
    expect(Math.min(...times)).toBeLessThan(2);
  });
});
