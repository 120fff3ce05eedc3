/** Where a series' slices lie: true origins, in the order of their heights; or why they form no volume. Pure. */
import type { Badge } from "../ground/badges";
import { formatNumber } from "../ground/numbers";
import type { FrameDescription, StackDescription } from "../ground/transport";
import { framesOfStep } from "../viewer/extra";
import { cross, dot, minus, plus, scaled, unit, type Vector } from "./vectors";

/** Slices nearer than this along the normal lie at one place: positions are decimal strings. */
const SAME_PLACE_MM = 1e-3;
/** Slices farther apart than so many median steps have a gap between them. */
const GAP_STEPS = 1.5;
/** A place this near to a voxel's centre, as a part of the step, is the voxel's. */
export const SNAP = 1e-6;
/** Steps that differ by less are even: a part of the median step. */
const EVEN = 0.01;
/** Origins this far beside the line of a regular stack, in voxels, still are one: rounding of decimal strings. */
const ON_LINE = 0.01;
const SHOWN_SHEAR_DEG = 0.1;

/** Slices of one orientation, spacing and matrix, in the order of their heights along the normal. */
export interface VolumeGeometry {
  /** Unit directions, patient LPS: along a row, along a column, and right × down. */
  right: Vector;
  down: Vector;
  normal: Vector;
  /** (row, column) distance of voxels, mm, as in PixelSpacing. */
  spacing_mm: readonly [number, number];
  rows: number;
  columns: number;
  /** For each slice, lowest first: which frame of the stack it is. */
  frames: readonly number[];
  /** Height along the normal, mm. */
  heights_mm: Float64Array;
  /** Where the first voxel's centre lies along `right` and `down`, in voxels from the patient's origin. */
  originColumns: Float64Array;
  originRows: Float64Array;
  /** Whether there is no image between a slice and the next. */
  isGap: Uint8Array;
  /** Median distance of neighbours along the normal. */
  step_mm: number;
  /** All steps are even and all origins on one line: an affine says it all. */
  isRegular: boolean;
  /** Between the normal and the line of the origins. */
  shear_deg: number;
}

/** Why a series is not resampled, for people. */
export interface Refusal {
  title: string;
  sentence: string;
}

export const isRefusal = (found: VolumeGeometry | Refusal): found is Refusal => "title" in found;

/** Return where a stack's slices lie, or why they form no volume; `step` says which one of several at the same places. */
export function geometryOf(stack: StackDescription, step = 0): VolumeGeometry | Refusal {
  const [first, count] = framesOfStep(stack, step);
  const frames = stack.frames.slice(first, first + count);
  const refused = refusalOf({ ...stack, frames });
  if (refused !== null) return refused;
  const { orientation, pixel_spacing_mm: spacing } = stack;
  const right = unit(orientation?.slice(0, 3) as unknown as Vector);
  const across = unit(orientation?.slice(3) as unknown as Vector);
  if (right === null || across === null || spacing === null) return NO_PLACE;
  const normal = unit(cross(right, across));
  if (normal === null) return NO_PLACE;
  const down = cross(normal, right); // orthogonal to the last digit
  return placed(frames, { right, down, normal, spacing_mm: spacing }, first);
}

const NO_PLACE: Refusal = {
  title: "No place in the patient",
  sentence: "Its images state no orientation, position or pixel spacing that they share, so there is nothing to reformat by.",
};

function refusalOf({ frames, orientation, pixel_spacing_mm: spacing }: StackDescription): Refusal | null {
  const [first] = frames;
  if (first === undefined || frames.length < 2) {
    return { title: "One image", sentence: "Planes need a stack of at least two slices; this series has one." };
  }
  if (frames.some((frame) => frame.dtype === "rgb8")) {
    return { title: "Colour images", sentence: "Colours are shown as they are stored; between them nothing is interpolated." };
  }
  if (orientation === null || spacing === null || !(spacing[0] > 0 && spacing[1] > 0) || frames.some((frame) => frame.position_mm === null)) return NO_PLACE;
  if (frames.some((frame) => frame.rows !== first.rows || frame.columns !== first.columns)) {
    return { title: "Several matrices", sentence: "Its images have different numbers of rows or columns: they form no one volume." };
  }
  return null;
}

type Directions = Pick<VolumeGeometry, "right" | "down" | "normal" | "spacing_mm">;

/** `first` is the place of the first of these frames in the stack. */
function placed(frames: readonly FrameDescription[], directions: Directions, first: number): VolumeGeometry | Refusal {
  const { right, down, normal, spacing_mm: [row_mm, column_mm] } = directions;
  const origins = frames.map((frame) => frame.position_mm as Vector);
  const order = origins.map((_, index) => index).sort((a, b) => dot(origins[a] as Vector, normal) - dot(origins[b] as Vector, normal));
  const along = (direction: Vector, step_mm: number): Float64Array =>
    Float64Array.from(order, (index) => dot(origins[index] as Vector, direction) / step_mm);
  const heights_mm = along(normal, 1);
  const steps = Array.from({ length: order.length - 1 }, (_, k) => (heights_mm[k + 1] as number) - (heights_mm[k] as number));
  const same = steps.filter((step) => step < SAME_PLACE_MM).length;
  if (same > 0) return duplicated(same, frames.length);
  const step_mm = medianOf(steps);
  const [lowest, highest] = [origins[order[0] as number] as Vector, origins[order.at(-1) as number] as Vector];
  const line = unit(minus(highest, lowest)) as Vector;
  const [originColumns, originRows] = [along(right, column_mm), along(down, row_mm)];
  return {
    ...directions, rows: (frames[0] as FrameDescription).rows, columns: (frames[0] as FrameDescription).columns,
    frames: order.map((index) => first + index), heights_mm, originColumns, originRows, step_mm,
    isGap: Uint8Array.from(steps, (step) => (step > GAP_STEPS * step_mm ? 1 : 0)),
    isRegular: steps.every((step) => Math.abs(step - step_mm) <= EVEN * step_mm) && isStraight(originColumns) && isStraight(originRows) && isStraight(heights_mm, ON_LINE * step_mm),
    shear_deg: (Math.acos(Math.min(1, Math.abs(dot(line, normal)))) * 180) / Math.PI,
  };
}

function duplicated(same: number, count: number): Refusal {
  const words = same >= count / 2 - 1
    ? "Each place was imaged several times, so a voxel has several values: planes would mix them."
    : "Which of the images at one place is right is not stated: planes through them would hide one.";
  return { title: `${same} at a place taken`, sentence: words };
}

/** Whether numbers form a line within a tolerance. */
function isStraight(values: Float64Array, tolerance = ON_LINE): boolean {
  const [first, last] = [values[0] as number, values.at(-1) as number];
  return values.every((value, k) => Math.abs(value - first - ((last - first) * k) / (values.length - 1)) <= tolerance);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Return the patient's place of fractional indices (column, row, slice). */
export function placeAt(geometry: VolumeGeometry, column: number, row: number, slice: number): Vector {
  const { right, down, normal, spacing_mm: [row_mm, column_mm], heights_mm, originColumns, originRows } = geometry;
  const k = Math.min(Math.max(Math.floor(slice), 0), heights_mm.length - 2);
  const between = (values: Float64Array): number => (values[k] as number) + ((values[k + 1] as number) - (values[k] as number)) * (slice - k);
  return plus(plus(scaled(right, (column + between(originColumns)) * column_mm), scaled(down, (row + between(originRows)) * row_mm)), scaled(normal, between(heights_mm)));
}

/** Return the slice at or below a height: 0 … slices − 2. */
export function sliceBelow(geometry: Pick<VolumeGeometry, "heights_mm">, height_mm: number): number {
  const { heights_mm } = geometry;
  let [low, high] = [0, heights_mm.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((heights_mm[middle] as number) <= height_mm) low = middle;
    else high = middle;
  }
  return low;
}

/** Return the fractional indices (column, row, slice) of a place; beyond the ends they go on. */
export function indexAt(geometry: VolumeGeometry, place: Vector): [number, number, number] {
  const { right, down, normal, spacing_mm: [row_mm, column_mm], heights_mm, originColumns, originRows } = geometry;
  const height = dot(place, normal);
  const k = sliceBelow(geometry, height);
  const t = (height - (heights_mm[k] as number)) / ((heights_mm[k + 1] as number) - (heights_mm[k] as number));
  const between = (values: Float64Array): number => (values[k] as number) + ((values[k + 1] as number) - (values[k] as number)) * t;
  return [dot(place, right) / column_mm - between(originColumns), dot(place, down) / row_mm - between(originRows), k + t];
}

/** Return a place moved to the slice nearest to another one; itself where that is the nearest to it already. */
export function onSliceOf(geometry: VolumeGeometry, place: Vector, other: Vector): Vector {
  const last = geometry.heights_mm.length - 1;
  const sliceOf = (point: Vector): number => Math.min(Math.max(Math.round(indexAt(geometry, point)[2]), 0), last);
  const [column, row] = indexAt(geometry, place);
  return sliceOf(other) === sliceOf(place) ? place : placeAt(geometry, column, row, sliceOf(other));
}

/** Return the corners of the hull of all voxel centres. */
export function cornersOf(geometry: VolumeGeometry): Vector[] {
  const last = geometry.heights_mm.length - 1;
  const slices = geometry.isRegular ? [0, last] : Array.from(geometry.heights_mm.keys()); // an uneven line of origins may bulge anywhere
  return slices.flatMap((k) => [0, geometry.rows - 1].flatMap((row) => [0, geometry.columns - 1].map((column) => placeAt(geometry, column, row, k))));
}

/** Return the middle of the hull. */
export function centreOf(geometry: VolumeGeometry): Vector {
  return placeAt(geometry, (geometry.columns - 1) / 2, (geometry.rows - 1) / 2, (geometry.heights_mm.length - 1) / 2);
}

/** Return the least distance of voxels, mm. */
export const leastSpacing = ({ spacing_mm, step_mm }: VolumeGeometry): number => Math.min(...spacing_mm, step_mm);

/** Return what there is to say of a volume's geometry before one trusts a plane. */
export function badgesOf(geometry: VolumeGeometry): Badge[] {
  const badges: Badge[] = [];
  const gaps = geometry.isGap.reduce((sum, gap) => sum + gap, 0);
  const mm = (value: number): string => `${formatNumber(value, 2)} mm`;
  if (geometry.shear_deg >= SHOWN_SHEAR_DEG) {
    badges.push({
      kind: "info", icon: "tilt", text: `Sheared ${formatNumber(geometry.shear_deg, 1)}°`,
      sentence: `The slices lie ${formatNumber(geometry.shear_deg, 1)}° off the line along which they are stacked. Planes are sampled at every slice's true position: nothing leans over, and lengths are true.`,
    });
  }
  const steps = Array.from(geometry.isGap, (_, k) => (geometry.heights_mm[k + 1] as number) - (geometry.heights_mm[k] as number));
  if (gaps > 0) {
    badges.push({
      kind: "warn", icon: "gap", text: gaps === 1 ? "1 gap, hatched" : `${gaps} gaps, hatched`,
      sentence: `Neighbouring slices lie up to ${mm(Math.max(...steps))} apart where ${mm(geometry.step_mm)} is usual. Between them there is no image: planes are hatched there, nothing is interpolated.`,
    });
  }
  if (gaps === 0 && !geometry.isRegular) {
    badges.push({
      kind: "info", icon: "gap", text: "Uneven steps",
      sentence: `Slices lie ${mm(Math.min(...steps))} to ${mm(Math.max(...steps))} apart, or beside the line of the others. Planes are interpolated between their true positions.`,
    });
  }
  return badges;
}
