import { describe, expect, it } from "vitest";
import { listed } from "../src/calibration/placing";
import type { ImagePlane, PlaneGeometry } from "../src/ground/plane";
import type { Point } from "../src/measure/area";
import type { Mark } from "../src/measure/marks";
import { isRegion, type PutRegion, Regions, roundBox } from "../src/measure/regions";
import { pointsOn } from "../src/measure/seen";
import type { Measurement } from "../src/measure/shapes";

const GEOMETRY: PlaneGeometry = { origin_mm: [-10, -20, 5], right: [1, 0, 0], down: [0, 1, 0], spacing_mm: [0.5, 0.5], rows: 80, columns: 80 };
const mark = (name: string | undefined, x: number, z = 5): Mark =>
  ({ SeriesInstanceUID: "1.2", centre_mm: [x, 0, z], radius_mm: 3, reach_mm: 1, title: "Air", lines: ["−999.8"], isAbove: false, ...(name ? { name } : {}) });

const plane = (SOPInstanceUID: string | null = "1.3"): ImagePlane => ({
  SeriesInstanceUID: "1.2", FrameOfReferenceUID: null, SOPInstanceUID, frame: 0, units: "HU", spacing_mm: [0.5, 0.5], geometry: GEOMETRY,
  toCanvas: () => null, toPatient: () => null, toVoxel: (x, y) => [x, y], fromVoxel: (column, row) => [column, row],
  values: () => ({ data: new Float32Array(6400).fill(7), rows: 80, columns: 80, channels: 1, slope: 1, intercept: 0 }),
});

const by = (shape: Measurement, columns: number): Measurement => ({ ...shape, points_px: (shape.points_px ?? []).map(([x, y]): Point => [x + columns, y]) });

describe("a region that may be moved", () => {
  it("is put where its ring was, with all of its name, and back", () => {
    const told: PutRegion[] = [];
    const regions = new Regions((region) => told.push(region));
    regions.show([mark("air", 0), mark("air", 8), mark(undefined, 4), mark("PMP", 4, 50)]);
    const found = regions.on(plane(), "1.1");
    expect(found.map(isRegion)).toEqual([true, true]); // neither one without a name nor one on another plane
    const [first] = found as [Measurement];
    expect(regions.find(first.MeasurementUID)).toBe(first);
    expect(regions.wordsOf(first)).toEqual(["−999.8"]);
    regions.put(first, by(first, 4), GEOMETRY);
    expect(told.at(-1)).toMatchObject({ name: "air", centre_mm: [2, 0, 5], radius_mm: 3 });
    const moved = regions.on(plane(), "1.1");
    expect(moved.map((shape) => pointsOn(shape, plane())[0])).toEqual([[18, 34], [18, 34]]);
    expect(regions.wordsOf(moved[0] as Measurement)).toEqual(["7.0"]);
    regions.show([mark("air", 0), mark("air", 8), mark(undefined, 4), mark("PMP", 4, 50), mark(undefined, 9)]);
    expect(regions.on(plane(), "1.1").map((shape) => shape.points_px?.[0])).toEqual([[18, 34], [18, 34]]); // more came: it stays
    told[0]?.putBack();
    expect(told.at(-1)).toMatchObject({ name: "air", centre_mm: null });
    expect(regions.on(plane(), "1.1").map((shape) => shape.points_px?.[0])).toEqual([[14, 34], [30, 34]]);
  });

  it("is no more than drawn on a reformat", () => {
    const regions = new Regions(() => undefined);
    regions.show([mark("air", 0), mark(undefined, 4)]);
    expect(regions.on(plane(null), "1.1")).toEqual([]);
    expect(regions.fixedOn(plane(null))).toHaveLength(2);
    expect(regions.fixedOn(plane())).toHaveLength(1);
  });

  it("stays round about its middle when a side is moved, within what is measured", () => {
    const before: Point[] = [[14, 34], [26, 46]];
    expect(roundBox(before, [[14, 34], [30, 46]], false, GEOMETRY)).toEqual([[10, 30], [30, 50]]);
    expect(roundBox(before, [[14, 39], [26, 46]], false, GEOMETRY)).toEqual([[18, 38], [22, 42]]);
    expect(roundBox(before, [[14, 40], [26, 46]], false, GEOMETRY)).toEqual([[18, 38], [22, 42]]); // 1 mm at least
    expect(roundBox(before, [[15, 34], [27, 46]], true, GEOMETRY)).toEqual([[15, 34], [27, 46]]);
  });
});

describe("regions that were placed", () => {
  it("are listed", () => {
    expect(listed(["Delrin"])).toBe("Delrin");
    expect(listed(["air", "PMP"])).toBe("Air and PMP");
    expect(listed(["air", "PMP", "LDPE"])).toBe("Air, PMP and 1 more");
  });
});
