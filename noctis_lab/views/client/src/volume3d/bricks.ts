/** Lowest and highest value of each 8 × 8 × 8 cells of a volume: what rays can leap over. Pure. */
import type { Voxels } from "../mpr/volume";
import type { Stored } from "../viewer/renderer";

export const BRICK = 8;

export class Bricks {
  readonly across: number;
  readonly along: number;
  readonly up: number;
  /** Kept units; of a brick without values the lowest is above the highest. */
  readonly lowest: Float32Array;
  readonly highest: Float32Array;
  readonly #taken: (Stored | null)[];
  #leaps: { key: string; leaps: Uint8Array } | null = null;

  constructor(readonly voxels: Voxels) {
    const { columns, rows, frames } = voxels.geometry;
    const bricks = (size: number): number => Math.max(1, Math.ceil((size - 1) / BRICK));
    [this.across, this.along, this.up] = [bricks(columns), bricks(rows), bricks(frames.length)];
    const count = this.across * this.along * this.up;
    this.lowest = new Float32Array(count).fill(Infinity);
    this.highest = new Float32Array(count).fill(-Infinity);
    this.#taken = voxels.slices.map(() => null);
  }

  /** Take in the slices that have landed since; returns whether there were any. */
  update(): boolean {
    let isNew = false;
    this.voxels.slices.forEach((slice, k) => {
      if (slice === null || this.#taken[k] === slice) return;
      this.#taken[k] = slice;
      isNew = true;
      this.#leaps = null;
      // The cells above a slice, and those below it, are bounded by it.
      const layer = Math.min(Math.floor(k / BRICK), this.up - 1);
      this.#take(slice, layer);
      if (k % BRICK === 0 && k > 0 && layer === k / BRICK) this.#take(slice, layer - 1);
    });
    return isNew;
  }

  /**
   * Return over how many bricks a ray that is in one may leap; 0: that one may show something.
   *
   * `shows` says it of a brick's lowest and highest value, and `key` what it goes by: while a volume is turned that stays the same.
   */
  leaps(key: string, shows: (low: number, high: number) => boolean): Uint8Array {
    if (this.#leaps?.key !== key) this.#leaps = { key, leaps: leapsOf(this, shows) };
    return this.#leaps.leaps;
  }

  #take(slice: Stored, layer: number): void {
    const { columns, rows } = this.voxels.geometry;
    const base = layer * this.along * this.across;
    for (let y = 0; y < this.along; y += 1) {
      const lastRow = Math.min((y + 1) * BRICK, rows - 1);
      for (let x = 0; x < this.across; x += 1) {
        const at = base + y * this.across + x;
        const lastColumn = Math.min((x + 1) * BRICK, columns - 1);
        let low = this.lowest[at] as number;
        let high = this.highest[at] as number;
        for (let row = y * BRICK; row <= lastRow; row += 1) {
          for (let i = row * columns + x * BRICK, end = row * columns + lastColumn; i <= end; i += 1) {
            const value = slice[i] as number;
            if (value < low) low = value;
            if (value > high) high = value;
          }
        }
        this.lowest[at] = low;
        this.highest[at] = high;
      }
    }
  }
}

/** So many bricks are leapt over at once, at most. */
const FARTHEST = 8;

/**
 * Return over how many bricks, its own counted, a ray that is in a brick may leap in any direction; 0: it may show something.
 */
function leapsOf({ across, along, up, lowest, highest }: Bricks, shows: (low: number, high: number) => boolean): Uint8Array {
  const leaps = new Uint8Array(lowest.length).fill(FARTHEST);
  let near = new Uint8Array(lowest.length);
  for (let i = 0; i < near.length; i += 1) {
    const [low, high] = [lowest[i] as number, highest[i] as number];
    if (!(low <= high && shows(low, high))) continue;
    near[i] = 1;
    leaps[i] = 0;
  }
  for (let reach = 1; reach < FARTHEST; reach += 1) {
    for (const [size, stride] of [[across, 1], [along, across], [up, across * along]] as const) near = grown(near, size, stride);
    for (let i = 0; i < near.length; i += 1) if (near[i] === 1 && leaps[i] === FARTHEST) leaps[i] = reach;
  }
  return leaps;
}

/** Return what is marked and its neighbours along one axis. */
function grown(marked: Uint8Array<ArrayBuffer>, size: number, stride: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(marked.length);
  for (let start = 0; start < all.length; start += size * stride) {
    for (let at = 0; at < size; at += 1) {
      for (let i = start + at * stride, end = i + stride; i < end; i += 1) {
        all[i] = (marked[i] as number) | (at > 0 ? (marked[i - stride] as number) : 0) | (at < size - 1 ? (marked[i + stride] as number) : 0);
      }
    }
  }
  return all;
}
