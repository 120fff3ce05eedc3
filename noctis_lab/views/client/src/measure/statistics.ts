/** What the values inside an area are: sums in row-major order, as numpy's cumsum makes them. Pure. */
import type { PlaneValues } from "../ground/plane";
import type { Area, Extent } from "./area";

/** One frame's values: stored · slope + intercept, row by row. */
export interface Grid extends Extent {
  data: PlaneValues["data"] | Float64Array;
  slope: number;
  intercept: number;
  /** Stored values from the first to the second of these are no values; null: all are. */
  padding?: readonly [number, number] | null;
}

/** Return the value of a voxel by its place in the data, NaN where it has none. */
export function valueOf({ data, slope, intercept, padding }: Grid, at: number): number {
  const stored = data[at] as number;
  return padding && stored >= padding[0] && stored <= padding[1] ? NaN : stored * slope + intercept;
}

export interface Statistics {
  /** Values that are finite numbers. */
  count: number;
  /** Voxels left out since they have none: padding. */
  excluded: number;
  /** All null where nothing counts. */
  mean: number | null;
  /** The population's: divided by the count. */
  sd: number | null;
  min: number | null;
  max: number | null;
  /** Of an even count the mean of the middle two. */
  median: number | null;
}

// Kept between calls: an area under the mouse is gathered and counted sixty times a second.
let gathered = new Float64Array(0);
/** One count for every number of 16 bits, signed or not. */
const tally = new Uint32Array(2 ** 17);
const ZERO = 2 ** 16;

/** Return the stored values of an area in row-major order, those that are values; the next call writes over them. */
function gather({ data, columns, padding }: Grid, { runs, count }: Area): Float64Array {
  if (gathered.length < count) gathered = new Float64Array(count);
  const stored = gathered;
  let found = 0;
  for (let i = 0; i < runs.length; i += 3) {
    const start = (runs[i] as number) * columns;
    // Copied by the engine, so that the loops run over one type of array, whatever is stored.
    stored.set(data.subarray(start + (runs[i + 1] as number), start + (runs[i + 2] as number)), found);
    found += (runs[i + 2] as number) - (runs[i + 1] as number);
  }
  if (!padding && !isOfFloats(data)) return stored.subarray(0, count);
  const [padLow, padHigh] = padding ?? [Infinity, -Infinity];
  let kept = 0;
  for (let i = 0; i < count; i += 1) {
    const value = stored[i] as number;
    if (!Number.isFinite(value) || (value >= padLow && value <= padHigh)) continue;
    stored[kept] = value;
    kept += 1;
  }
  return stored.subarray(0, kept);
}

const isOfFloats = (data: Grid["data"]): boolean => data instanceof Float32Array || data instanceof Float64Array;

/** Return the statistics of the values in an area. */
export function statisticsIn(grid: Grid, area: Area): Statistics {
  const stored = gather(grid, area);
  const count = stored.length;
  const excluded = area.count - count;
  if (count === 0) return { count, excluded, mean: null, sd: null, min: null, max: null, median: null };
  const isCountable = !isOfFloats(grid.data) && grid.data.BYTES_PER_ELEMENT <= 2;
  const { sum, squares, min, max, median } = (isCountable ? counted : ordered)(stored, grid.slope, grid.intercept);
  return { count, excluded, mean: sum / count, sd: Math.sqrt(squares / count), min, max, median };
}

/** Return the statistics of values, those that are finite. */
export function statisticsOf(values: Float64Array): Statistics {
  const grid: Grid = { data: values, columns: values.length, rows: 1, slope: 1, intercept: 0 };
  return statisticsIn(grid, { runs: Int32Array.of(0, 0, values.length), count: values.length });
}

interface Sums {
  sum: number;
  /** Of the distances to the mean. */
  squares: number;
  min: number;
  max: number;
  median: number;
}

/** Integers of 16 bits: ends and middle by counting each, in linear time. */
function counted(stored: Float64Array, slope: number, intercept: number): Sums {
  const count = stored.length;
  tally.fill(0);
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    const value = stored[i] as number;
    sum += value * slope + intercept;
    const at = (value + ZERO) | 0;
    tally[at] = (tally[at] as number) + 1;
  }
  const value = (at: number): number => (at - ZERO) * slope + intercept;
  const [low, one, other, high] = [0, Math.floor((count - 1) / 2), Math.floor(count / 2), count - 1].map(placeInTally()) as
    [number, number, number, number];
  const ends = [value(low), value(high)] as const;
  return {
    sum, squares: squaresOf(stored, slope, intercept, sum / count), min: Math.min(...ends), max: Math.max(...ends),
    median: (value(one) + value(other)) / 2,
  };
}

/** Return a function that finds the counted number at a place in order; its places come in order too. */
function placeInTally(): (place: number) => number {
  let [at, seen] = [-1, 0];
  return (place) => {
    while (seen <= place) {
      at += 1;
      seen += tally[at] as number;
    }
    return at;
  };
}

/** Any numbers; their order is lost. */
function ordered(stored: Float64Array, slope: number, intercept: number): Sums {
  let [sum, min, max] = [0, Infinity, -Infinity];
  for (let i = 0; i < stored.length; i += 1) {
    const value = (stored[i] as number) * slope + intercept;
    stored[i] = value;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { sum, squares: squaresOf(stored, 1, 0, sum / stored.length), min, max, median: orderedMedian(stored) };
}

function squaresOf(stored: Float64Array, slope: number, intercept: number, mean: number): number {
  let squares = 0;
  for (let i = 0; i < stored.length; i += 1) {
    const off = (stored[i] as number) * slope + intercept - mean;
    squares += off * off;
  }
  return squares;
}

function orderedMedian(numbers: Float64Array): number {
  const count = numbers.length;
  const after = Math.floor(count / 2);
  const upper = select(numbers, after);
  if (count % 2 === 1) return upper;
  let lower = -Infinity;
  for (let i = 0; i < after; i += 1) lower = Math.max(lower, numbers[i] as number);
  return (lower + upper) / 2;
}

/** Return the value that stands at a place in order, with no larger one before it: Hoare's quickselect. */
function select(values: Float64Array, place: number): number {
  let [left, right] = [0, values.length - 1];
  while (left < right) {
    const pivot = values[(left + right) >> 1] as number;
    let [i, j] = [left, right];
    while (i <= j) {
      while ((values[i] as number) < pivot) i += 1;
      while ((values[j] as number) > pivot) j -= 1;
      if (i <= j) {
        const kept = values[i] as number;
        values[i] = values[j] as number;
        values[j] = kept;
        i += 1;
        j -= 1;
      }
    }
    if (place <= j) right = j;
    else if (place >= i) left = i;
    else break;
  }
  return values[place] as number;
}

export const BINS = 64;

/** How many values lie in each of `BINS` bins of one width, from the least value to the greatest. */
export interface Histogram {
  low: number;
  high: number;
  counts: number[];
}

/** Return the histogram of the values in an area, or null where none is a number. */
export function histogramIn(grid: Grid, area: Area): Histogram | null {
  const values = gather(grid, area).map((stored) => stored * grid.slope + grid.intercept);
  if (values.length === 0) return null;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const counts = new Array<number>(BINS).fill(0);
  for (const value of values) {
    const bin = high > low ? Math.min(Math.floor(((value - low) / (high - low)) * BINS), BINS - 1) : 0;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { low, high, counts };
}
