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
      // The cells above a slice, and those below it, are bounded by it.
      const layer = Math.min(Math.floor(k / BRICK), this.up - 1);
      this.#take(slice, layer);
      if (k % BRICK === 0 && k > 0 && layer === k / BRICK) this.#take(slice, layer - 1);
    });
    return isNew;
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
