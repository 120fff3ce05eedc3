/** A measurement on the plane in view: whether it lies there, where, and how a drawn one is told. Pure. */
import { type ImagePlane, type PlaneGeometry, positionOn, type Vector, voxelOn } from "../ground/plane";
import type { Point } from "./area";
import type { Ground } from "./figures";
import type { Measurement, Place, Plane } from "./shapes";

/** Two reformats closer than this, mm, are one plane: a millionth of what is in view, and far below any voxel. */
const SAME_MM = 0.01;

const dot = (one: readonly number[], other: readonly number[]): number => one.reduce((sum, part, i) => sum + part * (other[i] as number), 0);
const cross = (a: Place, b: Place): Place => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** Return a point's distance from a plane along its normal, mm, with its sign. */
export function distanceFrom({ origin_mm, right, down }: Pick<PlaneGeometry, "origin_mm" | "right" | "down">, place: Place): number {
  return dot(place.map((part, i) => part - (origin_mm[i] as number)), cross(right, down));
}

/** Return whether a measurement was drawn on what is in view. */
export function isOn(measurement: Measurement, plane: ImagePlane): boolean {
  if (measurement.SeriesInstanceUID !== plane.SeriesInstanceUID) return false;
  if (measurement.plane === null) {
    return plane.SOPInstanceUID !== null && measurement.SOPInstanceUID === plane.SOPInstanceUID && measurement.frame === plane.frame;
  }
  if (plane.SOPInstanceUID !== null || plane.geometry === null || measurement.points_mm === null) return false;
  const { right, down } = measurement.plane;
  const isParallel = Math.abs(dot(cross(right, down), cross(plane.geometry.right, plane.geometry.down))) > 1 - 1e-6;
  return isParallel && measurement.points_mm.every((place) => Math.abs(distanceFrom(plane.geometry as PlaneGeometry, place)) < SAME_MM);
}

/**
 * Return where a measurement that lies on another image passes by the one in view, in its voxels, or null.
 *
 * It does where its middle is no farther away than `reach_mm`.
 */
export function passOf(measurement: Measurement, plane: ImagePlane, reach_mm: number): Point | null {
  const places = measurement.points_mm;
  if (plane.geometry === null || places === null || places.length === 0 || isOn(measurement, plane)) return null;
  if (measurement.SeriesInstanceUID !== plane.SeriesInstanceUID) return null;
  const middle = [0, 1, 2].map((i) => places.reduce((sum, place) => sum + (place[i] as number), 0) / places.length) as Vector;
  return Math.abs(distanceFrom(plane.geometry, middle)) <= reach_mm ? voxelOn(plane.geometry, middle) : null;
}

/** Return a measurement's points in the voxels of the plane in view, on which it lies; a reformat may have others than it was drawn in. */
export function pointsOn(measurement: Measurement, plane: ImagePlane): Point[] {
  if (measurement.plane === null) return measurement.points_px ?? [];
  if (plane.geometry === null || measurement.points_mm === null) return [];
  return measurement.points_mm.map((place) => voxelOn(plane.geometry as PlaneGeometry, place as Vector));
}

/** Return what a measurement says of its place, where its points are drawn on the plane in view. */
export function placedOn(points: readonly Point[], plane: ImagePlane): Pick<Measurement, "SOPInstanceUID" | "frame" | "points_mm" | "points_px" | "plane"> {
  const { geometry, SOPInstanceUID, frame } = plane;
  const points_mm = geometry && points.map(([column, row]) => positionOn(geometry, column, row));
  if (SOPInstanceUID !== null) return { SOPInstanceUID, frame, points_mm, points_px: [...points], plane: null };
  return { SOPInstanceUID: null, frame: null, points_mm, points_px: null, plane: geometry && planeOf(plane, geometry) };
}

function planeOf(plane: ImagePlane, { origin_mm, right, down, spacing_mm }: PlaneGeometry): Plane {
  return { origin_mm, right, down, spacing_mm, slab_mm: plane.slab_mm ?? 0, projection: plane.projection ?? "mean" };
}

const known = new WeakMap<ImagePlane, Ground>();

/** Return what is measured on the plane in view; colours have no values. */
export function groundOf(plane: ImagePlane): Ground {
  let ground = known.get(plane);
  if (ground === undefined) {
    const values = plane.values();
    const { columns, rows, channels } = values;
    ground = { columns, rows, spacing_mm: plane.spacing_mm, units: plane.units, grid: channels === 1 ? values : null };
    known.set(plane, ground);
  }
  return ground;
}
