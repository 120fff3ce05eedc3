/** A volume as a function of place: linear between voxels, in the slices' true positions; nothing in gaps and beside it. Pure. */
import { SNAP, type VolumeGeometry } from "../mpr/geometry";
import { dot, scaled, minus, type Vector } from "../mpr/vectors";
import type { Voxels } from "../mpr/volume";
import type { Stored } from "../viewer/renderer";

/** Places (u, v, w): voxels along a row, along a column, and slices or, where these are uneven, median steps. */
export interface Lattice {
  /** u, v and w of a place p: dot(rows[i], p) + offsets[i]. */
  rows: readonly [Vector, Vector, Vector];
  offsets: readonly [number, number, number];
  /** Whether w counts slices, and u and v begin at each one's first voxel. */
  isStraight: boolean;
}

/** Return the places of a volume's own lattice. */
export function latticeOf(geometry: VolumeGeometry): Lattice {
  const { right, down, normal, spacing_mm: [row_mm, column_mm], heights_mm, originColumns, originRows, isRegular } = geometry;
  const last = heights_mm.length - 1;
  const step_mm = isRegular ? ((heights_mm[last] as number) - (heights_mm[0] as number)) / last : geometry.step_mm;
  const up = scaled(normal, 1 / step_mm);
  const low = (heights_mm[0] as number) / step_mm;
  if (!isRegular) return { rows: [scaled(right, 1 / column_mm), scaled(down, 1 / row_mm), up], offsets: [0, 0, -low], isStraight: false };
  // A sheared stack: each slice begins a little farther along.
  const lean = (origins: Float64Array): number => ((origins[last] as number) - (origins[0] as number)) / last;
  const [columnLean, rowLean] = [lean(originColumns), lean(originRows)];
  return {
    rows: [minus(scaled(right, 1 / column_mm), scaled(up, columnLean)), minus(scaled(down, 1 / row_mm), scaled(up, rowLean)), up],
    offsets: [columnLean * low - (originColumns[0] as number), rowLean * low - (originRows[0] as number), -low], isStraight: true,
  };
}

export const placeOn = ({ rows, offsets }: Lattice, place: Vector): Vector => [dot(rows[0], place) + offsets[0], dot(rows[1], place) + offsets[1], dot(rows[2], place) + offsets[2]];
export const along = ({ rows }: Lattice, direction: Vector): Vector => [dot(rows[0], direction), dot(rows[1], direction), dot(rows[2], direction)];

/** Entries of the table that finds a slice by its height, to a median step. */
const FINE = 4;
const MOST_ENTRIES = 1 << 16;

/** Samples a volume at places of its lattice. */
export class Field {
  readonly lattice: Lattice;
  readonly columns: number;
  readonly rows: number;
  readonly count: number;
  /** Lowest and highest u, v and w at which there can be a value. */
  readonly least: Vector;
  readonly most: Vector;
  /** What `slope` found. */
  readonly slopes = new Float64Array(3);
  readonly #slices: readonly (Stored | null)[];
  readonly #isGap: Uint8Array;
  readonly #w: Float64Array;
  readonly #originColumns: Float64Array;
  readonly #originRows: Float64Array;
  readonly #below: Uint32Array | null;
  readonly #entries: number;
  readonly #isPlain: boolean;

  constructor(voxels: Voxels) {
    const { geometry } = voxels;
    this.lattice = latticeOf(geometry);
    [this.columns, this.rows, this.count] = [geometry.columns, geometry.rows, geometry.heights_mm.length];
    this.#slices = voxels.slices;
    this.#isGap = geometry.isGap;
    [this.#originColumns, this.#originRows] = [geometry.originColumns, geometry.originRows];
    const step = 1 / Math.hypot(...this.lattice.rows[2]);
    this.#w = geometry.heights_mm.map((height) => (height - (geometry.heights_mm[0] as number)) / step);
    const span = this.#w[this.count - 1] as number;
    this.#entries = Math.min(MOST_ENTRIES, Math.ceil(span * FINE) + 1) / span;
    this.#below = this.lattice.isStraight ? null : this.#tableOf(span);
    const { isStraight } = this.lattice;
    this.#isPlain = isStraight && Math.min(this.columns, this.rows, this.count) > 1 && !geometry.isGap.includes(1);
    const low = (origins: Float64Array): number => (isStraight ? 0 : Math.min(...origins));
    const high = (origins: Float64Array, size: number): number => (isStraight ? 0 : Math.max(...origins)) + size - 1;
    this.least = [low(geometry.originColumns), low(geometry.originRows), 0];
    this.most = [high(geometry.originColumns, this.columns), high(geometry.originRows, this.rows), isStraight ? this.count - 1 : span];
  }

  #tableOf(span: number): Uint32Array {
    const table = new Uint32Array(Math.ceil(span * this.#entries) + 2);
    for (let i = 0, k = 0; i < table.length; i += 1) {
      while (k < this.count - 2 && (this.#w[k + 1] as number) <= i / this.#entries) k += 1;
      table[i] = k;
    }
    return table;
  }

  /** Put how much the value at a place changes over two voxels along u, v and w into `slopes`; at an edge there is only the way to here. */
  slope(u: number, v: number, w: number, value: number): void {
    const { slopes, columns } = this;
    const left = u | 0;
    const top = v | 0;
    const k = w | 0;
    const slices = this.#slices;
    const lower = slices[k];
    const upper = slices[k + 1];
    const under = slices[k - 1];
    const over = slices[k + 2];
    if (!(this.#isPlain && left > 0 && top > 0 && k > 0 && left < columns - 2 && top < this.rows - 2) || !lower || !upper || !under || !over) {
      slopes[0] = difference(this.sample(u - 1, v, w), value, this.sample(u + 1, v, w));
      slopes[1] = difference(this.sample(u, v - 1, w), value, this.sample(u, v + 1, w));
      slopes[2] = difference(this.sample(u, v, w - 1), value, this.sample(u, v, w + 1));
      return;
    }
    const across = u - left;
    const downward = v - top;
    const t = w - k;
    const at = top * columns + left;
    const low = bilinear(lower, at, 1, columns, across, downward);
    const high = bilinear(upper, at, 1, columns, across, downward);
    const lowU = bilinear(lower, at + 1, 1, columns, across, downward) - bilinear(lower, at - 1, 1, columns, across, downward);
    const highU = bilinear(upper, at + 1, 1, columns, across, downward) - bilinear(upper, at - 1, 1, columns, across, downward);
    const lowV = bilinear(lower, at + columns, 1, columns, across, downward) - bilinear(lower, at - columns, 1, columns, across, downward);
    const highV = bilinear(upper, at + columns, 1, columns, across, downward) - bilinear(upper, at - columns, 1, columns, across, downward);
    const before = bilinear(under, at, 1, columns, across, downward);
    const after = bilinear(over, at, 1, columns, across, downward);
    slopes[0] = lowU + (highU - lowU) * t;
    slopes[1] = lowV + (highV - lowV) * t;
    slopes[2] = high + (after - high) * t - (before + (low - before) * t);
  }

  /** Return the value at a place, kept units; NaN where there is none. */
  sample(u: number, v: number, w: number): number {
    // Of rays there are millions: between eight voxels of a straight lattice without gaps there is little to ask.
    const left = u | 0;
    const top = v | 0;
    const k = w | 0;
    if (!(this.#isPlain && u >= 0 && v >= 0 && w >= 0 && left < this.columns - 1 && top < this.rows - 1 && k < this.count - 1)) return this.#sampleAnywhere(u, v, w);
    const lower = this.#slices[k];
    const upper = this.#slices[k + 1];
    if (lower === null || upper === null || lower === undefined || upper === undefined) return this.#sampleAnywhere(u, v, w);
    const { columns } = this;
    const across = u - left;
    const downward = v - top;
    const at = top * columns + left;
    const below = bilinear(lower, at, 1, columns, across, downward);
    return below + (bilinear(upper, at, 1, columns, across, downward) - below) * (w - k);
  }

  /** The same at an edge too, beside a slice that has not come, and where slices are uneven. */
  #sampleAnywhere(u: number, v: number, w: number): number {
    // No arrays are taken apart here either.
    let column = u;
    let row = v;
    let k = 0;
    let t = 0;
    const last = this.count - 2;
    if (this.#below === null) {
      k = Math.floor(w);
      k = k < 0 ? 0 : k > last ? last : k;
      t = w - k;
    } else {
      k = this.#below[Math.max(Math.floor(w * this.#entries), 0)] ?? last;
      while (k < last && (this.#w[k + 1] as number) <= w) k += 1;
      t = (w - (this.#w[k] as number)) / ((this.#w[k + 1] as number) - (this.#w[k] as number));
      column -= (this.#originColumns[k] as number) + t * ((this.#originColumns[k + 1] as number) - (this.#originColumns[k] as number));
      row -= (this.#originRows[k] as number) + t * ((this.#originRows[k + 1] as number) - (this.#originRows[k] as number));
    }
    const { columns, rows } = this;
    if (!(t >= -SNAP && t <= 1 + SNAP && column >= -SNAP && column <= columns - 1 + SNAP && row >= -SNAP && row <= rows - 1 + SNAP)) return NaN;
    const isBelow = t < SNAP;
    const isAbove = t > 1 - SNAP;
    if (this.#isGap[k] === 1 && !isBelow && !isAbove) return NaN;
    const lower = isAbove ? this.#slices[k + 1] : this.#slices[k];
    const upper = isBelow ? lower : this.#slices[k + 1];
    if (lower === null || upper === null || lower === undefined || upper === undefined) return NaN;
    let left = column < 0 ? 0 : Math.floor(column);
    if (left > columns - 2) left = columns > 1 ? columns - 2 : 0;
    let top = row < 0 ? 0 : Math.floor(row);
    if (top > rows - 2) top = rows > 1 ? rows - 2 : 0;
    const across = columns > 1 ? column - left : 0;
    const downward = rows > 1 ? row - top : 0;
    const at = top * columns + left;
    const next = columns > 1 ? 1 : 0;
    const under = rows > 1 ? columns : 0;
    const below = bilinear(lower, at, next, under, across, downward);
    if (lower === upper) return below;
    return below + (bilinear(upper, at, next, under, across, downward) - below) * t;
  }
}

function bilinear(slice: Stored, at: number, next: number, under: number, across: number, downward: number): number {
  const first = slice[at] as number;
  const second = slice[at + under] as number;
  const upper = first + ((slice[at + next] as number) - first) * across;
  return upper + (second + ((slice[at + under + next] as number) - second) * across - upper) * downward;
}

const difference = (before: number, here: number, after: number): number => (after === after ? after : here) - (before === before ? before : here);
