/** Values along a line and at a point, linear between the four voxels around. Pure. */
import type { Point } from "./area";
import { type Grid, valueOf } from "./statistics";

/** Return the values along a line, a voxel apart or closer, both ends included; NaN outside the hull of the centres. */
export function sampleLine(grid: Grid, from: Point, to: Point): Float64Array {
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) - 1e-9));
  return Float64Array.from({ length: steps + 1 }, (_, i) => {
    const part = i / steps;
    return between(grid, from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part);
  });
}

function between(grid: Grid, x: number, y: number): number {
  const { columns, rows } = grid;
  if (!(x >= 0 && x <= columns - 1 && y >= 0 && y <= rows - 1)) return NaN;
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [across, down] = [x - left, y - top];
  // At a centre the next voxel has no weight, and may be NaN or outside.
  const [right, bottom] = [left + (across > 0 ? 1 : 0), top + (down > 0 ? 1 : 0)];
  const value = (column: number, row: number): number => valueOf(grid, row * columns + column);
  const upper = (1 - across) * value(left, top) + across * value(right, top);
  const lower = (1 - across) * value(left, bottom) + across * value(right, bottom);
  return (1 - down) * upper + down * lower;
}

/** Return the value of the voxel in which a point lies, halfway between two the latter's; null outside and where it has none. */
export function valueAt(grid: Grid, point: Point): number | null {
  const { columns, rows } = grid;
  const [column, row] = [Math.floor(point[0] + 0.5), Math.floor(point[1] + 0.5)];
  if (!(row >= 0 && row < rows && column >= 0 && column < columns)) return null;
  const value = valueOf(grid, row * columns + column);
  return Number.isFinite(value) ? value : null;
}
