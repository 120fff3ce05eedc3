/** A plane through a volume on the CPU: linear between voxels at every pixel, in the slices' true geometry. Pure. */
import type { Stored } from "../viewer/renderer";
import { SNAP, sliceBelow, type VolumeGeometry } from "./geometry";
import { alongRow, bilinearLines, type Course, type Pair, trilinear } from "./kernels";
import { dot, type Vector } from "./vectors";
import type { Voxels } from "./volume";

/** Where a plane's pixels lie: origin + x · right + y · down, mm. */
export interface PlaneGrid {
  /** Centre of the first pixel, patient LPS. */
  origin: Vector;
  /** Step from a pixel to the next along a row, and along a column. */
  right: Vector;
  down: Vector;
  columns: number;
  rows: number;
}

/** What a pixel shows: nothing of the volume, a value, the gap between two slices, a slice that is not here yet, or could not be had. */
export const OUTSIDE = 0;
export const INSIDE = 1;
export const GAP = 2;
export const MISSING = 3;
export const FAILED = 4;

/** Return why there is nothing between two slices of which one is not here. */
export const missingCover = ({ slices, failed }: Voxels, k: number, next: number): number =>
  ([k, next].some((slice) => (slices[slice] ?? null) === null && failed?.has(slice)) ? FAILED : MISSING);

/** Values of a plane, kept units (before slope and intercept); NaN wherever `cover` is not INSIDE. */
export class Sampled {
  columns = 0;
  rows = 0;
  values = new Float32Array(0);
  cover = new Uint8Array(0);

  /** Take a size, and forget all values. */
  clear(columns: number, rows: number): void {
    [this.columns, this.rows] = [columns, rows];
    const size = columns * rows;
    if (this.values.length < size || this.values.length > 4 * size + 4096) {
      this.values = new Float32Array(size);
      this.cover = new Uint8Array(size);
    }
    this.values.fill(NaN, 0, size);
    this.cover.fill(OUTSIDE, 0, size);
  }
}

/** Column, row (voxels from the patient's origin) and height (mm) of pixel (x, y), as first + x · across + y · along. */
export interface Lattice {
  u: Part;
  v: Part;
  h: Part;
}

interface Part {
  first: number;
  across: number;
  along: number;
}

/** Return where a grid's pixels lie in a volume's own directions. */
export function latticeOf(geometry: VolumeGeometry, { origin, right, down }: PlaneGrid): Lattice {
  const [row_mm, column_mm] = geometry.spacing_mm;
  const part = (direction: Vector, step_mm: number): Part => ({
    first: dot(origin, direction) / step_mm, across: dot(right, direction) / step_mm, along: dot(down, direction) / step_mm,
  });
  return { u: part(geometry.right, column_mm), v: part(geometry.down, row_mm), h: part(geometry.normal, 1) };
}

/** Whether all pixels share a coordinate. */
const isFixed = ({ across, along }: Part, columns: number, rows: number): boolean =>
  Math.abs(across) * columns + Math.abs(along) * rows < SNAP;

const isSame = (values: Float64Array): boolean => values.every((value) => Math.abs(value - (values[0] as number)) < SNAP);

export const snapped = (value: number): number => (Math.abs(value - Math.round(value)) < SNAP ? Math.round(value) : value);

/** Samples planes of volumes. What it gathered for a sagittal plane is kept for the next zoom or pan. */
export class PlaneSampler {
  #column: { at: number; slices: readonly (Stored | null)[]; taken: (Stored | null)[]; lines: (Float32Array | null)[] } | null = null;

  /** Fill `out` with a plane. */
  sample(voxels: Voxels, grid: PlaneGrid, out: Sampled): void {
    const { geometry } = voxels;
    const lattice = latticeOf(geometry, grid);
    out.clear(grid.columns, grid.rows);
    if (isFixed(lattice.u, grid.columns, grid.rows) && isSame(geometry.originColumns)) {
      const column = snapped(lattice.u.first - (geometry.originColumns[0] as number));
      if (column < -SNAP || column > geometry.columns - 1 + SNAP) return;
      const gathered = this.#gather(voxels, Math.min(Math.max(column, 0), geometry.columns - 1));
      sampleRows(gathered, { u: lattice.v, v: { first: 0, across: 0, along: 0 }, h: lattice.h }, out);
    } else {
      sampleRows(voxels, lattice, out);
    }
  }

  /** Return one column of every slice as a volume of slices of one row. */
  #gather({ geometry, slices, failed }: Voxels, column: number): Voxels {
    if (this.#column?.at !== column || this.#column.slices !== slices) {
      this.#column = { at: column, slices, taken: slices.map(() => null), lines: slices.map(() => null) };
    }
    const { taken, lines } = this.#column;
    slices.forEach((stored, k) => {
      if (stored === null || taken[k] === stored) return;
      lines[k] = columnOf(stored, geometry, column, lines[k] ?? new Float32Array(geometry.rows));
      taken[k] = stored;
    });
    return {
      slices: lines, ...(failed === undefined ? {} : { failed }),
      geometry: { ...geometry, rows: 1, columns: geometry.rows, originColumns: geometry.originRows, originRows: new Float64Array(slices.length) },
    };
  }
}

/** Return the values along a column of a slice, which may lie between two. */
function columnOf(stored: Stored, { rows, columns }: VolumeGeometry, column: number, out: Float32Array): Float32Array {
  const before = Math.min(Math.floor(column), Math.max(columns - 2, 0));
  const share = column - before;
  const next = share > 0 ? 1 : 0;
  for (let row = 0, at = before; row < rows; row += 1, at += columns) {
    const value = stored[at] as number;
    out[row] = value + ((stored[at + next] as number) - value) * share;
  }
  return out;
}

/** Fill all rows of a plane. */
export function sampleRows(voxels: Voxels, lattice: Lattice, out: Sampled): void {
  const run = new Run(voxels, lattice, out);
  const { heights_mm, step_mm } = voxels.geometry;
  const { first, across, along } = lattice.h;
  const tolerance = SNAP * step_mm;
  const low = (heights_mm[0] as number) - tolerance;
  const high = (heights_mm.at(-1) as number) + tolerance;
  const isLevel = Math.abs(across) * out.columns < tolerance;
  for (let y = 0; y < out.rows; y += 1) {
    const height = first + y * along;
    if (isLevel) {
      if (height >= low && height <= high) run.level(y, height);
    } else {
      run.sloped(y, height, across, low, high);
    }
  }
}

/** One row of pixels at a time: cut into runs between the same two slices, and to what lies inside. */
class Run {
  readonly #course: Course = { u: 0, du: 0, v: 0, dv: 0, t: 0, dt: 0 };
  readonly #pair: Pair;
  #first = 0;
  #end = 0;

  constructor(readonly voxels: Voxels, readonly lattice: Lattice, readonly out: Sampled) {
    const { columns, rows } = voxels.geometry;
    const nothing = new Float32Array(0);
    this.#pair = { below: nothing, above: nothing, columns, rows };
  }

  /** A row of one height. */
  level(y: number, height: number): void {
    const { heights_mm } = this.voxels.geometry;
    let k = sliceBelow(this.voxels.geometry, height);
    let t = (height - (heights_mm[k] as number)) / ((heights_mm[k + 1] as number) - (heights_mm[k] as number));
    if (t > 1 - SNAP) [k, t] = [k + 1, 0];
    else if (t < SNAP) t = 0;
    this.#fill(y, k, t, 0, 0, this.out.columns);
  }

  /** A row whose height changes. */
  sloped(y: number, height: number, across: number, low: number, high: number): void {
    const { heights_mm } = this.voxels.geometry;
    const { columns } = this.out;
    [this.#first, this.#end] = [0, columns];
    this.#cut(height, across, low, high);
    const end = this.#end;
    let x = this.#first;
    let k = x < end ? sliceBelow(this.voxels.geometry, height + x * across) : 0;
    const last = heights_mm.length - 2;
    while (x < end) {
      const [below, above] = [heights_mm[k] as number, heights_mm[k + 1] as number];
      const edge = (across > 0 ? above : below) - height;
      const next = Math.min(Math.max(Math.floor(edge / across + SNAP) + 1, x + 1), end);
      const step = above - below;
      this.#fill(y, k, (height - below) / step, across / step, x, next);
      x = next;
      const following = k + (across > 0 ? 1 : -1);
      // Several slices may lie between two pixels.
      k = following < 0 ? 0 : following > last ? last : following;
      const now = height + x * across;
      while (k < last && now > (heights_mm[k + 1] as number)) k += 1;
      while (k > 0 && now < (heights_mm[k] as number)) k -= 1;
    }
  }

  /** Narrow the run to where start + x · step lies from low to high. */
  #cut(start: number, step: number, low: number, high: number): void {
    if (Math.abs(step) < 1e-12) {
      if (start < low || start > high) this.#end = this.#first;
      return;
    }
    const [a, b] = step > 0 ? [low, high] : [high, low];
    this.#first = Math.max(this.#first, Math.ceil((a - start) / step));
    this.#end = Math.min(this.#end, Math.floor((b - start) / step) + 1);
  }

  /** Pixels from `first` to `end` between slices k and k + 1: share t + x · dt of the upper one. */
  #fill(y: number, k: number, t: number, dt: number, first: number, end: number): void {
    const { geometry, slices } = this.voxels;
    const course = this.#course;
    this.#place(y, k, t, dt);
    [this.#first, this.#end] = [first, end];
    this.#cut(course.u, course.du, -SNAP, geometry.columns - 1 + SNAP);
    this.#cut(course.v, course.dv, -SNAP, geometry.rows - 1 + SNAP);
    if (this.#end <= this.#first) return;
    const isOnSlice = t === 0 && dt === 0;
    const start = y * this.out.columns;
    if (!isOnSlice && geometry.isGap[k] === 1) {
      this.out.cover.fill(GAP, start + this.#first, start + this.#end);
      return;
    }
    const below = slices[k] ?? null;
    const above = isOnSlice ? below : (slices[k + 1] ?? null);
    if (below === null || above === null) {
      this.out.cover.fill(missingCover(this.voxels, k, isOnSlice ? k : k + 1), start + this.#first, start + this.#end);
      return;
    }
    this.out.cover.fill(INSIDE, start + this.#first, start + this.#end);
    this.#draw(below, above, start);
  }

  #draw(below: Stored, above: Stored, start: number): void {
    const [pair, course] = [this.#pair, this.#course];
    pair.below = below;
    pair.above = above;
    const count = this.#end - this.#first;
    if (course.dt === 0 && Math.abs(course.dv) * this.out.columns < SNAP && count > 8) {
      course.v = snapped(course.v);
      alongRow(pair, course, this.#first, this.#end, this.out.values, start);
    } else if (pair.rows === 1) {
      bilinearLines(pair, course, this.#first, this.#end, this.out.values, start);
    } else {
      trilinear(pair, course, this.#first, this.#end, this.out.values, start);
    }
  }

  /** Set the course of row y between two slices, whose origins need not lie above each other. */
  #place(y: number, k: number, t: number, dt: number): void {
    const { u, v } = this.lattice;
    const { originColumns, originRows } = this.voxels.geometry;
    const course = this.#course;
    const next = Math.min(k + 1, originColumns.length - 1);
    const [column, row] = [originColumns[k] as number, originRows[k] as number];
    const [columnStep, rowStep] = [(originColumns[next] as number) - column, (originRows[next] as number) - row];
    course.u = u.first + y * u.along - column - t * columnStep;
    course.du = u.across - dt * columnStep;
    course.v = v.first + y * v.along - row - t * rowStep;
    course.dv = v.across - dt * rowStep;
    course.t = t;
    course.dt = dt;
  }
}

/** Return the value at a place, kept units, and what is there. */
export function valueAt(voxels: Voxels, place: Vector): { value: number; cover: number } {
  const out = new Sampled();
  out.clear(1, 1);
  const nowhere: Vector = [0, 0, 0];
  sampleRows(voxels, latticeOf(voxels.geometry, { origin: place, right: nowhere, down: nowhere, columns: 1, rows: 1 }), out);
  return { value: out.values[0] as number, cover: out.cover[0] as number };
}
