/** Circles that an analysis measured, as ink over the images they lie on; nobody draws or keeps them. */
import { heightAbove, type ImagePlane, type PlaneGeometry, type Vector, voxelOn } from "../ground/plane";
import type { Point } from "./area";
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
  /** Of one that may be moved: what it is of. */
  name?: string;
}

const LABEL_PX = 20;
const LINE_PX = 16;

/** Whether a mark is drawn on a plane. */
export const liesOn = (mark: Mark, { SeriesInstanceUID, geometry }: ImagePlane): boolean =>
  geometry !== null && mark.SeriesInstanceUID === SeriesInstanceUID && Math.abs(heightAbove(geometry, mark.centre_mm)) <= mark.reach_mm;

/** Return the corners of a mark's box, in the voxels of a plane. */
export function circleOn({ centre_mm, radius_mm }: Mark, geometry: PlaneGeometry): [Point, Point] {
  const [column, row] = voxelOn(geometry, centre_mm);
  const [dy, dx] = geometry.spacing_mm;
  const [across, down] = [radius_mm / dx, radius_mm / dy];
  return [[column - across, row - down], [column + across, row + down]];
}

/** Return how far the words of a circle are moved so that they stand above it, CSS px. */
export function liftOf([[column, top], [, bottom]]: readonly [Point, Point], plane: ImagePlane, lines: number): number {
  const high = Math.abs(plane.fromVoxel(column, bottom)[1] - plane.fromVoxel(column, top)[1]);
  return -(high + 2 * LABEL_PX + (lines - 1) * LINE_PX - 12);
}

/** Return the marks that lie on a plane, as shapes in its voxels. */
export function marksOn(marks: readonly Mark[], plane: ImagePlane): Shown[] {
  const { geometry } = plane;
  if (geometry === null) return [];
  return marks.filter((mark) => liesOn(mark, plane)).map((mark) => {
    const points = circleOn(mark, geometry);
    const lines = mark.lines.length + (mark.title === "" ? 0 : 1);
    return {
      uid: null, kind: "ellipse", points, isSelected: false, title: mark.title, lines: mark.lines,
      offset: [0, mark.isAbove ? liftOf(points, plane, lines) : 0], heldHandle: null,
    };
  });
}
