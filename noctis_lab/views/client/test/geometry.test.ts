import { describe, expect, it } from "vitest";
import { type PlaneGeometry, positionOn } from "../src/ground/plane";
import type { FrameDescription } from "../src/ground/transport";
import {
  axesOf, duplicatesOf, edgeLetters, letters, mirrored, placementOf, pointOf, proportionsOf, type Turn, turned, turnOf, voxelAt, zoomForScale,
} from "../src/viewer/geometry";
import { geometryOf } from "../src/viewer/stackPlane";

const ROTATIONS = [0, 90, 180, 270] as const;
const TURNS: Turn[] = ROTATIONS.flatMap((rotation_deg) => [false, true].map((flipped) => ({ rotation_deg, flipped })));
const AXIAL: [number, number, number, number, number, number] = [1, 0, 0, 0, 1, 0];
const still = { zoom: 1, pan: [0, 0] as [number, number], rotation_deg: 0 as const, flipped: false };

describe("turns", () => {
  it("come back from their axes", () => {
    for (const turn of TURNS) expect(turnOf(axesOf(turn))).toEqual(turn);
  });

  it("four clockwise, or one there and one back, are none", () => {
    for (const turn of TURNS) {
      expect([1, 2, 3, 4].reduce((now) => turned(now, true), turn)).toEqual(turn);
      expect(turned(turned(turn, true), false)).toEqual(turn);
    }
  });

  it("both mirrorings are half a turn", () => {
    for (const turn of TURNS) {
      expect(mirrored(mirrored(turn, "horizontal"), "vertical")).toEqual(turned(turned(turn, true), true));
    }
  });

  it("clockwise brings what was on top to the right", () => {
    expect(edgeLetters(AXIAL, { rotation_deg: 0, flipped: false })).toEqual({ left: "R", right: "L", top: "A", bottom: "P" });
    expect(edgeLetters(AXIAL, turned({ rotation_deg: 0, flipped: false }, true))).toEqual({ left: "P", right: "A", top: "R", bottom: "L" });
    expect(edgeLetters(AXIAL, mirrored({ rotation_deg: 0, flipped: false }, "horizontal"))).toEqual({ left: "L", right: "R", top: "A", bottom: "P" });
  });
});

describe("letters", () => {
  it("name the strongest direction first, and no tilt below 3°", () => {
    expect(letters([0, 0.9588197, 0.2840153])).toBe("PH");
    expect(letters([0.999, 0.04, 0])).toBe("L");
    expect(letters([-1, 0, 0])).toBe("R");
    expect(letters([0, 0, -2])).toBe("F");
  });

  it("are none where the orientation is not stated", () => {
    expect(edgeLetters(null, { rotation_deg: 0, flipped: false })).toBeNull();
  });
});

describe("a placement", () => {
  it("fits the whole frame, pixels as high as the spacing says", () => {
    const placement = placementOf(still, { rows: 100, columns: 200 }, [2, 1], 800, 600);
    expect([placement.sx, placement.sy]).toEqual([3, 6]);
    expect([placement.x0, placement.y0]).toEqual([100, 0]);
  });

  it("at one pixel a voxel puts voxels on pixels, whatever the parity", () => {
    for (const [width, height] of [[801, 600], [800, 601], [801, 601]] as const) {
      const shape = { rows: 512, columns: 512 };
      const zoom = zoomForScale(1, still, shape, [0.7, 0.7], width, height);
      const placement = placementOf({ ...still, zoom }, shape, [0.7, 0.7], width, height);
      expect([placement.sx, placement.sy]).toEqual([1, 1]);
      expect(Number.isInteger(placement.x0) && Number.isInteger(placement.y0)).toBe(true);
    }
  });

  it("maps points to voxels and back", () => {
    const shape = { rows: 30, columns: 50 };
    for (const turn of TURNS) {
      const placement = placementOf({ zoom: 1.7, pan: [3.5, -4.25], ...turn }, shape, [0.8, 0.5], 640, 480);
      for (const [column, row] of [[0, 0], [49, 29], [12.5, 7.25]] as const) {
        const at = voxelAt(...pointOf(column, row, placement, turn, shape), placement, turn, shape);
        expect(at[0]).toBeCloseTo(column, 9);
        expect(at[1]).toBeCloseTo(row, 9);
      }
    }
  });

  it("has the first voxel's centre half a voxel inside the edge", () => {
    const shape = { rows: 4, columns: 4 };
    const placement = placementOf(still, shape, null, 40, 40);
    expect(voxelAt(5, 5, placement, still, shape)).toEqual([0, 0]);
    expect(voxelAt(35, 35, placement, still, shape)).toEqual([3, 3]);
  });

  it("moves by its pan: the pane's centre is that far from the frame's", () => {
    const shape = { rows: 100, columns: 100 };
    const turn: Turn = { rotation_deg: 90, flipped: true };
    const placement = placementOf({ zoom: 2.3, pan: [10, -20], ...turn }, shape, [1, 1], 500, 500);
    const [column, row] = voxelAt(250, 250, placement, turn, shape);
    expect(column).toBeCloseTo(49.5 - 20, 9);
    expect(row).toBeCloseTo(49.5 + 10, 9);
  });
});

describe("the patient", () => {
  const frame = { position_mm: [-104, 6.6254558, 657.98969], rows: 512, columns: 512 } as unknown as FrameDescription;

  it("is found by PS3.3's equation for a tilted plane", () => {
    const stack = { orientation: [1, 0, 0, 0, 0.9588197, 0.2840153] as [number, number, number, number, number, number], pixel_spacing_mm: [0.40625, 0.40625] as [number, number] };
    const [x, y, z] = positionOn(geometryOf(stack, frame) as PlaneGeometry, 100, 200);
    expect(x).toBeCloseTo(-104 + 100 * 0.40625, 6);
    expect(y).toBeCloseTo(6.6254558 + 200 * 0.40625 * 0.9588197, 6);
    expect(z).toBeCloseTo(657.98969 + 200 * 0.40625 * 0.2840153, 6);
  });

  it("uses the row spacing down and the column spacing across", () => {
    const plane = geometryOf({ orientation: AXIAL, pixel_spacing_mm: [3, 2] }, { ...frame, position_mm: [0, 0, 0] }) as PlaneGeometry;
    expect(positionOn(plane, 1, 1)).toEqual([2, 3, 0]);
  });

  it("is nowhere where the position is not stated", () => {
    expect(geometryOf({ orientation: AXIAL, pixel_spacing_mm: [1, 1] }, { ...frame, position_mm: null })).toBeNull();
  });

  it("finds frames at one place", () => {
    const at = (z_mm: number | null): FrameDescription => ({ z_mm }) as FrameDescription;
    expect([...duplicatesOf([at(0), at(5), at(10), at(5.0000001), at(null), at(null)])].sort()).toEqual([1, 3]);
  });
});

describe("the proportions of an image", () => {
  it("are of its size in the patient, else of the detector's or the stated aspect, else square", () => {
    expect(proportionsOf({ pixel_spacing_mm: [0.5, 0.5], pixel_aspect: [2, 1] })).toEqual([0.5, 0.5]);
    expect(proportionsOf({ pixel_spacing_mm: null, pixel_aspect: [2, 1] })).toEqual([2, 1]);
    expect(proportionsOf({ pixel_spacing_mm: null })).toBeNull();
  });
});
