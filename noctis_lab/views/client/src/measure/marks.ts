/** Circles that an analysis measured, as ink over the images they lie on: nobody draws, moves or keeps them. */
import { heightAbove, type ImagePlane, type Vector, voxelOn } from "../ground/plane";
import type { Shown } from "./overlay";

export interface Mark {
  SeriesInstanceUID: string;
  /** Patient LPS, mm. */
  centre_mm: Vector;
  radius_mm: number;
  /** How far from its middle it is drawn: half of what was measured. */
  reach_mm: number;
  title: string;
  lines: readonly string[];
  /** Its words stand above it. */
  isAbove: boolean;
}

const LABEL_PX = 20;
const LINE_PX = 16;

/** Return the marks that lie on a plane, as shapes in its voxels. */
export function marksOn(marks: readonly Mark[], plane: ImagePlane): Shown[] {
  const { geometry } = plane;
  if (geometry === null) return [];
  const here = marks.filter((mark) => mark.SeriesInstanceUID === plane.SeriesInstanceUID && Math.abs(heightAbove(geometry, mark.centre_mm)) <= mark.reach_mm);
  return here.map((mark) => {
    const [column, row] = voxelOn(geometry, mark.centre_mm);
    const [dy, dx] = geometry.spacing_mm;
    const [across, down] = [mark.radius_mm / dx, mark.radius_mm / dy];
    const [top, bottom] = [plane.fromVoxel(column, row - down)[1], plane.fromVoxel(column, row + down)[1]];
    const lines = mark.lines.length + (mark.title === "" ? 0 : 1);
    const up = mark.isAbove ? -(Math.abs(bottom - top) + 2 * LABEL_PX + (lines - 1) * LINE_PX - 12) : 0;
    return {
      uid: null, kind: "ellipse", points: [[column - across, row - down], [column + across, row + down]], isSelected: false,
      title: mark.title, lines: mark.lines, offset: [0, up], heldHandle: null,
    };
  });
}
