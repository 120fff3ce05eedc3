/** What lies on a pane's canvas, as geometry and numbers: where a point of the screen is in the patient, and back. */

/** Patient LPS, mm. */
export type Vector = [number, number, number];

/** A frame's rectangle in the patient: the centres of its voxels are origin + column · right · dx + row · down · dy. */
export interface PlaneGeometry {
  /** Centre of the first voxel. */
  origin_mm: Vector;
  /** Unit vectors along a row, and along a column. */
  right: Vector;
  down: Vector;
  /** Distance of rows, and of columns (PixelSpacing). */
  spacing_mm: [number, number];
  rows: number;
  columns: number;
}

/** Numbers on a grid: values = data · slope + intercept; `channels` numbers a voxel, row by row. */
export interface PlaneValues {
  data: Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;
  rows: number;
  columns: number;
  channels: 1 | 3;
  slope: number;
  intercept: number;
  /** Stored values from the first to the second of these are padding; none where it is left out. */
  padding?: readonly [number, number] | null;
}

/** Numbers of a part of a plane. */
export interface PlanePart {
  values: PlaneValues;
  /** (column, row) of the first of them on the plane. */
  first: readonly [number, number];
}

/** The plane that a pane shows at this moment; after the next painting it may be another one. */
export interface ImagePlane {
  readonly SeriesInstanceUID: string;
  readonly FrameOfReferenceUID: string | null;
  /** null on a reformat. */
  readonly SOPInstanceUID: string | null;
  /** Index of the frame within its instance, from 0; null on a reformat. */
  readonly frame: number | null;
  readonly units: string | null;
  /** Distance of rows, and of columns; null where the images state none. */
  readonly spacing_mm: [number, number] | null;
  /** null where the images state no place in the patient. */
  readonly geometry: PlaneGeometry | null;
  /** Which of several volumes at the same places (time, echo, b-value) it is of, from 0; left out where there is one. */
  readonly extra_index?: number;
  /** How thick a slab the values are of, and what of its samples; a frame, or a plane without a slab, has neither. */
  readonly slab_mm?: number;
  readonly projection?: string;
  /** CSS px from the pane's top left; null without geometry. A point beside the plane is projected along its normal. */
  toCanvas(point: Readonly<Vector>): [number, number] | null;
  /** null without geometry. */
  toPatient(x: number, y: number): Vector | null;
  /** (column, row), 0 at the first voxel's centre, not rounded; also beside the image. */
  toVoxel(x: number, y: number): [number, number];
  /** The inverse of `toVoxel`. */
  fromVoxel(column: number, row: number): [number, number];
  /** The whole frame's numbers, or those on the canvas of a reformat, pixel by pixel; not a copy. */
  values(): PlaneValues;
  /** Of a reformat alone: how far it is to the next plane, mm. */
  readonly step_mm?: number;
  /** Of a reformat alone: its numbers around points (column, row); null where they are too many, or not here. */
  part?(points: readonly (readonly [number, number])[]): PlanePart | null;
}

/** What stands in a pane under a point. */
export interface Probe {
  /** One number, or three for colour, in modality units. */
  values: number[];
  units: string | null;
  /** Voxel indices: column, row, frame, from 0; null on a reformat. */
  voxel: [number, number, number] | null;
  /** What `voxel` counts, as a loaded array names it: its third is a frame where there is no z. */
  axes?: "x, y, z" | "x, y, frame";
  /** Patient LPS, mm. */
  patient_mm: Vector | null;
  /** How the value came about, where it is no voxel's own: "interpolated". */
  note?: string;
}

/** Return the patient's LPS millimetres of a (column, row). */
export function positionOn({ origin_mm, right, down, spacing_mm: [dy, dx] }: PlaneGeometry, column: number, row: number): Vector {
  return [0, 1, 2].map((i) => (origin_mm[i] as number) + (right[i] as number) * dx * column + (down[i] as number) * dy * row) as Vector;
}

/** Return the (column, row) of a point of the patient, projected along the plane's normal; the inverse of `positionOn`. */
export function voxelOn({ origin_mm, right, down, spacing_mm: [dy, dx] }: PlaneGeometry, point: Readonly<Vector>): [number, number] {
  const offset = [0, 1, 2].map((i) => (point[i] as number) - (origin_mm[i] as number));
  const along = (axis: Vector): number => axis.reduce((sum, part, i) => sum + part * (offset[i] as number), 0);
  return [along(right) / dx, along(down) / dy];
}

/** Return a voxel's numbers in modality units, or null beside the image. */
export function valuesAt({ data, rows, columns, channels, slope, intercept }: PlaneValues, column: number, row: number): number[] | null {
  const [x, y] = [Math.round(column), Math.round(row)];
  if (x < 0 || y < 0 || x >= columns || y >= rows) return null;
  const first = (y * columns + x) * channels;
  const stored = Array.from(data.subarray(first, first + channels));
  return channels === 3 ? stored : stored.map((value) => Number((value * slope + intercept).toPrecision(12)));
}

const dot = (a: Readonly<Vector>, b: Readonly<Vector>): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** Return the plane's unit normal: along a row × along a column. */
export function normalOf({ right: a, down: b }: Pick<PlaneGeometry, "right" | "down">): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Return the middle of a frame's rectangle, mm. */
export function centreOf(plane: PlaneGeometry): Vector {
  return positionOn(plane, (plane.columns - 1) / 2, (plane.rows - 1) / 2);
}

/** Return how far a point lies above a plane, along its normal, mm. */
export function heightAbove(plane: PlaneGeometry, point: Readonly<Vector>): number {
  const { origin_mm } = plane;
  return dot(normalOf(plane), [point[0] - origin_mm[0], point[1] - origin_mm[1], point[2] - origin_mm[2]]);
}

/** Two planes whose normals are no farther apart than this are parallel: 5°. */
const PARALLEL = Math.cos((5 * Math.PI) / 180);

export function areParallel(a: PlaneGeometry, b: PlaneGeometry): boolean {
  return Math.abs(dot(normalOf(a), normalOf(b))) >= PARALLEL;
}

/** Return where a frame's rectangle crosses another frame's plane, mm, or null where it does not, or they are parallel. */
export function crossingOf(rectangle: PlaneGeometry, plane: PlaneGeometry): [Vector, Vector] | null {
  if (areParallel(rectangle, plane)) return null;
  const [right, bottom] = [rectangle.columns - 0.5, rectangle.rows - 0.5];
  const corners = ([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]] as const).map(([u, v]) => positionOn(rectangle, u, v));
  const points: Vector[] = [];
  corners.forEach((from, i) => {
    const to = corners[(i + 1) % 4] as Vector;
    const [low, high] = [heightAbove(plane, from), heightAbove(plane, to)];
    if (low < 0 === high < 0) return;
    const part = low / (low - high);
    points.push([0, 1, 2].map((k) => (from[k] as number) + part * ((to[k] as number) - (from[k] as number))) as Vector);
  });
  const [first, second] = points;
  return first && second ? [first, second] : null;
}
