/** Slabs along one of a volume's own axes with pixels on its voxels: what readers meet most, in tight loops. Pure. */
import type { Stored } from "../viewer/renderer";
import { SNAP, sliceBelow } from "./geometry";
import { GAP, INSIDE, type Lattice, latticeOf, missingCover, OUTSIDE, type PlaneGrid, type Sampled, snapped } from "./plane";
import type { Vector } from "./vectors";
import type { Voxels } from "./volume";

export type Projection = "max" | "min" | "mean";

/** A row this near to a slice, as a part of the step, is the slice's: a decimal string's rounding. */
const ON_SLICE = 1e-3;
/** Pixels of one block: it stays in the processor's cache while slice after slice goes over it. */
const BLOCK = 32_768;

interface Request {
  voxels: Voxels;
  lattice: Lattice;
  /** Voxels (or mm of height) a sample moves for one mm along the normal. */
  steps: { u: number; v: number; h: number };
  offsets_mm: readonly number[];
  how: Projection;
  out: Sampled;
  grid: PlaneGrid;
}

/** Fill `out` where the plane is such a one; false where it is not. */
export function projectAligned(voxels: Voxels, grid: PlaneGrid, normal: Vector, offsets_mm: readonly number[], how: Projection, out: Sampled): boolean {
  const { geometry } = voxels;
  const isOne = (values: Float64Array): boolean => values.every((value) => Math.abs(value - (values[0] as number)) < SNAP);
  if (!isOne(geometry.originColumns) || !isOne(geometry.originRows)) return false;
  const { u, v, h } = latticeOf(geometry, { ...grid, right: normal, down: [0, 0, 0] });
  const steps = { u: u.across, v: v.across, h: h.across };
  const request: Request = { voxels, lattice: latticeOf(geometry, grid), steps, offsets_mm, how, out, grid };
  const isStill = (value: number): boolean => Math.abs(value) < 1e-9;
  if (isStill(steps.u) && isStill(steps.v)) return projectSlices(request);
  if (isStill(steps.u) && isStill(steps.h)) return projectRows(request);
  if (isStill(steps.v) && isStill(steps.h)) return projectColumns(request);
  return false;
}

/** Where `first + k · step` (k = 0, 1 …) lies on whole numbers with step 1; null otherwise. */
function wholeStart(first: number, step: number): number | null {
  const at = snapped(first);
  return Math.abs(step - 1) < 1e-9 && Number.isInteger(at) ? at | 0 : null; // | 0: an index, no double
}

/** Whole numbers of at most 16 bits are compared as integers, without a branch. */
const isShort = (stored: Stored | null | undefined): boolean =>
  stored !== null && stored !== undefined && !(stored instanceof Float32Array) && stored.BYTES_PER_ELEMENT <= 2;

/** A slab of whole slices: rows of several slices, mixed by two where a sample lies between. */
function projectSlices({ voxels, lattice: { u, v, h }, steps, offsets_mm, how, out, grid }: Request): boolean {
  const { geometry, slices } = voxels;
  const column = wholeStart(u.first - (geometry.originColumns[0] as number), u.across);
  const row = wholeStart(v.first - (geometry.originRows[0] as number), v.along);
  if (column === null || row === null || Math.abs(u.along) + Math.abs(v.across) + Math.abs(h.across) + Math.abs(h.along) > 1e-9) return false;
  out.clear(grid.columns, grid.rows);
  const found = offsets_mm.map((offset) => sampleOf(voxels, h.first + offset * steps.h)).filter((sample) => sample !== null);
  const here = found.filter((sample) => sample.cover === INSIDE);
  const [left, right] = [Math.max(0, -column), Math.min(grid.columns, geometry.columns - column)];
  const [top, bottom] = [Math.max(0, -row), Math.min(grid.rows, geometry.rows - row)];
  const width = right - left;
  if (width <= 0 || bottom <= top || found.length === 0) return true;
  const isWhole = here.every(({ k, t }) => t === 0 && isShort(slices[k]));
  const high = Math.max(1, Math.floor(BLOCK / width));
  const block = isWhole ? new Int32Array(high * width) : new Float32Array(high * width);
  for (let y = top; y < bottom; y += high) {
    const rows = Math.min(high, bottom - y);
    here.forEach(({ k, t }, i) => {
      for (let r = 0; r < rows; r += 1) {
        const from = (row + y + r) * geometry.columns + column + left;
        take(slices[k] as Stored, t > 0 ? (slices[k + 1] as Stored) : null, t, from, from, block, r * width, width, i === 0 ? "first" : how);
      }
    });
    for (let r = 0; r < rows; r += 1) {
      const to = (y + r) * grid.columns + left;
      if (here.length === 0) out.cover.fill(found[0]?.cover ?? OUTSIDE, to, to + width);
      else finish(block, r * width, width, how, here.length, out, to);
    }
  }
  return true;
}

interface SliceSample {
  k: number;
  t: number;
  cover: number;
}

/** Return between which slices a height lies, and whether there are values; null outside. */
function sampleOf(voxels: Voxels, height: number): SliceSample | null {
  const { geometry, slices } = voxels;
  const { heights_mm, step_mm } = geometry;
  if (height < (heights_mm[0] as number) - SNAP * step_mm || height > (heights_mm.at(-1) as number) + SNAP * step_mm) return null;
  let k = sliceBelow(geometry, height);
  let t = (height - (heights_mm[k] as number)) / ((heights_mm[k + 1] as number) - (heights_mm[k] as number));
  if (t > 1 - SNAP) [k, t] = [k + 1, 0];
  else if (t < SNAP) t = 0;
  if (t > 0 && geometry.isGap[k] === 1) return { k, t, cover: GAP };
  const isHere = slices[k] !== null && (t === 0 || slices[k + 1] !== null);
  return { k, t, cover: isHere ? INSIDE : missingCover(voxels, k, t === 0 ? k : k + 1) };
}

/** A slab across rows: a row of pixels is one slice's, its samples are that slice's rows. */
function projectRows({ voxels, lattice: { u, v, h }, steps, offsets_mm, how, out, grid }: Request): boolean {
  const { geometry, slices } = voxels;
  const column = wholeStart(u.first - (geometry.originColumns[0] as number), u.across);
  if (column === null || Math.abs(u.along) + Math.abs(v.across) + Math.abs(v.along) + Math.abs(h.across) > 1e-9) return false;
  const chosen = slicesOfRows(voxels, h, grid.rows);
  if (chosen === null) return false;
  out.clear(grid.columns, grid.rows);
  const rows = samplesWithin(v.first - (geometry.originRows[0] as number), steps.v, offsets_mm, geometry.rows);
  const [left, right] = [Math.max(0, -column), Math.min(grid.columns, geometry.columns - column)];
  const width = right - left;
  if (width <= 0 || rows.length === 0) return true;
  const isWhole = rows.every(Number.isInteger) && isShort(slices.find((stored) => stored !== null));
  const block = isWhole ? new Int32Array(width) : new Float32Array(width);
  eachSlice(chosen, voxels, out, left, right, (stored, to) => {
    rows.forEach((at, i) => {
      const row = Math.floor(at);
      const from = row * geometry.columns + column + left;
      take(stored, at > row ? stored : null, at - row, from, from + geometry.columns, block, 0, width, i === 0 ? "first" : how);
    });
    finish(block, 0, width, how, rows.length, out, to);
  });
  return true;
}

/** A slab across columns: a pixel's samples lie beside each other in memory. */
function projectColumns({ voxels, lattice: { u, v, h }, steps, offsets_mm, how, out, grid }: Request): boolean {
  const { geometry } = voxels;
  const row = wholeStart(v.first - (geometry.originRows[0] as number), v.across);
  if (row === null || Math.abs(u.across) + Math.abs(u.along) + Math.abs(v.along) + Math.abs(h.across) > 1e-9) return false;
  const chosen = slicesOfRows(voxels, h, grid.rows);
  if (chosen === null) return false;
  out.clear(grid.columns, grid.rows);
  const columns = samplesWithin(u.first - (geometry.originColumns[0] as number), steps.u, offsets_mm, geometry.columns);
  const [left, right] = [Math.max(0, -row), Math.min(grid.columns, geometry.rows - row)];
  if (right <= left || columns.length === 0) return true;
  const before = Int32Array.from(columns, Math.floor);
  const share = Float64Array.from(columns, (at) => at - Math.floor(at));
  eachSlice(chosen, voxels, out, left, right, (stored, to) => {
    for (let x = left; x < right; x += 1) out.values[to + x - left] = projectRun(stored, (row + x) * geometry.columns, before, share, how);
    out.cover.fill(INSIDE, to, to + right - left);
  });
  return true;
}

function projectRun(stored: Stored, start: number, before: Int32Array, share: Float64Array, how: Projection): number {
  const count = before.length;
  let [most, least, sum] = [-Infinity, Infinity, 0];
  for (let i = 0; i < count; i += 1) {
    const at = start + (before[i] as number);
    const part = share[i] as number;
    let value = stored[at] as number;
    if (part > 0) value += ((stored[at + 1] as number) - value) * part;
    sum += value;
    most = value > most ? value : most;
    least = value < least ? value : least;
  }
  return how === "mean" ? sum / count : how === "max" ? most : least;
}

/** Return where samples lie along an axis of `count` voxels; those outside do not count. */
function samplesWithin(first: number, step: number, offsets_mm: readonly number[], count: number): number[] {
  const places = offsets_mm.map((offset) => snapped(first + offset * step));
  return places.filter((at) => at >= -SNAP && at <= count - 1 + SNAP).map((at) => Math.min(Math.max(at, 0), count - 1));
}

/** Call for each row of pixels whose slice is here, with where its pixels begin; say of the others that they are missing. */
function eachSlice(chosen: Int32Array, voxels: Voxels, out: Sampled, left: number, right: number, draw: (stored: Stored, to: number) => void): void {
  chosen.forEach((k, y) => {
    if (k < 0) return;
    const to = y * out.columns + left;
    const stored = voxels.slices[k] ?? null;
    if (stored === null) out.cover.fill(missingCover(voxels, k, k), to, to + right - left);
    else draw(stored, to);
  });
}

/** Return the slice of each row of pixels, −1 outside; null where a row lies between two. */
function slicesOfRows({ geometry }: Voxels, h: Lattice["h"], rows: number): Int32Array | null {
  const { heights_mm, step_mm } = geometry;
  const chosen = new Int32Array(rows);
  for (let y = 0; y < rows; y += 1) {
    const height = h.first + y * h.along;
    const below = sliceBelow(geometry, height);
    const k = height - (heights_mm[below] as number) > step_mm / 2 ? below + 1 : below;
    const apart = Math.abs(height - (heights_mm[k] as number));
    if (apart <= ON_SLICE * step_mm) chosen[y] = k;
    else if (height < (heights_mm[0] as number) || height > (heights_mm.at(-1) as number)) chosen[y] = -1;
    else return null;
  }
  return chosen;
}

type Block = Int32Array | Float32Array;

/** Take one sample's row into a block: two rows mixed by t, or one. */
function take(below: Stored, above: Stored | null, t: number, from: number, other: number, block: Block, to: number, count: number, how: Projection | "first"): void {
  if (above !== null) takeBetween(below, above, t, from, other, block as Float32Array, to, count, how);
  else if (how === "first") for (let i = 0; i < count; i += 1) block[to + i] = below[from + i] as number;
  else if (how === "mean") for (let i = 0; i < count; i += 1) (block[to + i] as number) += below[from + i] as number;
  else if (block instanceof Int32Array) takeWhole(below, from, block, to, count, how === "max" ? 1 : -1);
  else takeReal(below, from, block, to, count, how === "max");
}

/** The larger (sign 1) or lesser (−1) of whole numbers: which it is cannot be foretold, so nothing branches on it. */
function takeWhole(stored: Stored, from: number, block: Int32Array, to: number, count: number, sign: 1 | -1): void {
  if (sign === 1) {
    for (let i = 0; i < count; i += 1) {
      const difference = ((block[to + i] as number) - (stored[from + i] as number)) | 0;
      block[to + i] = (block[to + i] as number) - (difference & (difference >> 31));
    }
    return;
  }
  for (let i = 0; i < count; i += 1) {
    const difference = ((stored[from + i] as number) - (block[to + i] as number)) | 0;
    block[to + i] = (block[to + i] as number) + (difference & (difference >> 31));
  }
}

function takeReal(stored: Stored, from: number, block: Float32Array, to: number, count: number, isMax: boolean): void {
  for (let i = 0; i < count; i += 1) {
    const value = stored[from + i] as number;
    if (isMax ? value > (block[to + i] as number) : value < (block[to + i] as number)) block[to + i] = value;
  }
}

/** The same of two rows mixed by t. */
function takeBetween(below: Stored, above: Stored, t: number, from: number, other: number, block: Float32Array, to: number, count: number, how: Projection | "first"): void {
  if (how === "max") mixedMax(below, above, t, from, other, block, to, count);
  else if (how === "min") mixedMin(below, above, t, from, other, block, to, count);
  else mixedSum(below, above, t, from, other, block, to, count, how === "first" ? 0 : 1);
}

function mixedMax(below: Stored, above: Stored, t: number, from: number, other: number, block: Float32Array, to: number, count: number): void {
  for (let i = 0; i < count; i += 1) {
    const a = below[from + i] as number;
    const value = a + ((above[other + i] as number) - a) * t;
    const known = block[to + i] as number;
    block[to + i] = value > known ? value : known;
  }
}

function mixedMin(below: Stored, above: Stored, t: number, from: number, other: number, block: Float32Array, to: number, count: number): void {
  for (let i = 0; i < count; i += 1) {
    const a = below[from + i] as number;
    const value = a + ((above[other + i] as number) - a) * t;
    const known = block[to + i] as number;
    block[to + i] = value < known ? value : known;
  }
}

function mixedSum(below: Stored, above: Stored, t: number, from: number, other: number, block: Float32Array, to: number, count: number, kept: 0 | 1): void {
  for (let i = 0; i < count; i += 1) {
    const a = below[from + i] as number;
    block[to + i] = (kept === 0 ? 0 : (block[to + i] as number)) + a + ((above[other + i] as number) - a) * t;
  }
}

function finish(block: Block, from: number, count: number, how: Projection, samples: number, out: Sampled, to: number): void {
  const by = how === "mean" ? samples : 1;
  for (let i = 0; i < count; i += 1) out.values[to + i] = (block[from + i] as number) / by;
  out.cover.fill(INSIDE, to, to + count);
}
