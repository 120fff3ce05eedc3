/** A measurement on the plane in view: whether it lies there, where, and how a drawn one is told. Pure. */
import { type ImagePlane, type PlaneGeometry, positionOn, type Vector, voxelOn } from "../ground/plane";
import type { Point } from "./area";
import { type Detail, figuresOf, type Ground } from "./figures";
import { factsOf, type Kind, type Measurement, type Place, type Plane, type Values } from "./shapes";

/** A reformat that does not say how far the next one is: closer than this, mm, two are one plane. */
const SAME_MM = 0.01;

const dot = (one: readonly number[], other: readonly number[]): number => one.reduce((sum, part, i) => sum + part * (other[i] as number), 0);
const cross = (a: Place, b: Place): Place => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];

/** Return a point's distance from a plane along its normal, mm, with its sign. */
function distanceFrom({ origin_mm, right, down }: Pick<PlaneGeometry, "origin_mm" | "right" | "down">, place: Place): number {
  return dot(place.map((part, i) => part - (origin_mm[i] as number)), cross(right, down));
}

/** Return whether a measurement is of the same time, echo or b-value as what is in view. */
const isOfStep = ({ extra_index }: Measurement, plane: ImagePlane): boolean => plane.extra_index === undefined || (extra_index ?? 0) === plane.extra_index;

/** Return whether a measurement was drawn on what is in view. */
export function isOn(measurement: Measurement, plane: ImagePlane): boolean {
  if (measurement.SeriesInstanceUID !== plane.SeriesInstanceUID) return false;
  if (measurement.plane === null) {
    return plane.SOPInstanceUID !== null && measurement.SOPInstanceUID === plane.SOPInstanceUID && measurement.frame === plane.frame;
  }
  if (plane.SOPInstanceUID !== null || plane.geometry === null || measurement.points_mm === null) return false;
  if (!isOfStep(measurement, plane)) return false;
  const { right, down } = measurement.plane;
  const reach = plane.step_mm === undefined ? SAME_MM : plane.step_mm / 2;
  const isParallel = Math.abs(dot(cross(right, down), cross(plane.geometry.right, plane.geometry.down))) > 1 - 1e-6;
  return isParallel && measurement.points_mm.every((place) => Math.abs(distanceFrom(plane.geometry as PlaneGeometry, place)) < reach);
}

/**
 * Return where a measurement that lies on another image passes by the one in view, in its voxels, or null.
 *
 * It does where its middle is no farther away than `reach_mm`: one slice on. What was drawn at another time, echo or b-value lies on no
 * slice beside this one.
 */
export function passOf(measurement: Measurement, plane: ImagePlane, reach_mm: number): Point | null {
  const places = measurement.points_mm;
  if (plane.geometry === null || places === null || places.length === 0 || isOn(measurement, plane)) return null;
  if (measurement.SeriesInstanceUID !== plane.SeriesInstanceUID || !isOfStep(measurement, plane)) return null;
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

/** Return the figures of a kind at points (column, row) of the plane in view. */
export function measuredOn(kind: Kind, points: readonly Point[], plane: ImagePlane, detail: Detail = "all"): Values {
  if (plane.part === undefined) return figuresOf(kind, points, groundOf(plane), detail);
  const { spacing_mm, units } = plane;
  const part = factsOf(kind).hasValues && points.length > 0 ? plane.part(points) : null;
  const [column, row] = part?.first ?? [0, 0];
  // From the part's own corner, as Python counts: both meet the same edges to the last digit.
  const moved = points.map((point): Point => [point[0] - column, point[1] - row]);
  const { columns, rows } = part?.values ?? { columns: 1, rows: 1 };
  const figures = figuresOf(kind, moved, { columns, rows, spacing_mm, units, grid: part?.values ?? null }, detail);
  // The plane goes on; it is the volume that ends.
  return "clipped" in figures ? { ...figures, clipped: (figures.excluded ?? 0) > 0 || figures.value === null } : figures;
}

const known = new WeakMap<ImagePlane, Ground>();

/** Return what is measured on the image in view; colours have no values. */
function groundOf(plane: ImagePlane): Ground {
  let ground = known.get(plane);
  if (ground === undefined) {
    const values = plane.values();
    const { columns, rows, channels } = values;
    ground = { columns, rows, spacing_mm: plane.spacing_mm, units: plane.units, grid: channels === 1 ? values : null };
    known.set(plane, ground);
  }
  return ground;
}

/** Return a new measurement's points as whoever reads its place finds them: on a reformat by way of the patient. */
export function toldPoints(place: Pick<Measurement, "points_mm">, points: readonly Point[], { SOPInstanceUID, geometry }: ImagePlane): readonly Point[] {
  return SOPInstanceUID !== null || geometry === null || place.points_mm === null ? points : place.points_mm.map((point) => voxelOn(geometry, point as Vector));
}

/** Of reformats the same but for the last digits of a crosshair that moves along them, mm. */
const STILL_MM = 1e-6;

/** Return whether what was in view still is; how it lies on the screen does not count. */
export function isSamePlane(one: ImagePlane, other: ImagePlane | null): boolean {
  if (other === null || one.SeriesInstanceUID !== other.SeriesInstanceUID || one.SOPInstanceUID !== other.SOPInstanceUID || one.frame !== other.frame) return false;
  if (one.SOPInstanceUID !== null) return true;
  if (one.extra_index !== other.extra_index) return false;
  const [a, b] = [one.geometry, other.geometry];
  if (a === null || b === null) return a === b;
  const isNear = (these: readonly number[], those: readonly number[]): boolean => these.every((part, i) => Math.abs(part - (those[i] as number)) < STILL_MM);
  return one.slab_mm === other.slab_mm && one.projection === other.projection && isNear(a.origin_mm, b.origin_mm) && isNear(a.right, b.right) && isNear(a.down, b.down);
}
