/** Which voxels belong to an area: those whose centre is inside. Pure; in voxel coordinates of one frame. */
import type { Kind } from "./shapes";

/** (column, row), 0 at the first voxel's centre. */
export type Point = readonly [number, number];

/** An image's size in voxels. */
export interface Extent {
  columns: number;
  rows: number;
}

/** The voxels of an area that lie in the image, as runs along rows. */
export interface Area {
  /** (row, first column, column after the last), three numbers a run, in row-major order. */
  runs: Int32Array;
  /** Voxels inside. */
  count: number;
}

/** Gathers runs within an image. */
class Runs {
  readonly #runs: number[] = [];
  #count = 0;

  constructor(readonly extent: Extent) {}

  /** The rows of the image from a height to another, both included. */
  *rows(top: number, bottom: number): Generator<number> {
    const last = Math.min(Math.floor(bottom), this.extent.rows - 1);
    for (let row = Math.max(Math.ceil(top), 0); row <= last; row += 1) yield row;
  }

  /** Add the columns from `first` up to, and without, `end` of a row. */
  add(row: number, first: number, end: number): void {
    const [from, to] = [Math.max(first, 0), Math.min(end, this.extent.columns)];
    if (to <= from) return;
    this.#runs.push(row, from, to);
    this.#count += to - from;
  }

  done(): Area {
    return { runs: Int32Array.from(this.#runs), count: this.#count };
  }
}

/** Voxels of the ellipse in a box of two opposite corners: (u/a)² + (v/b)² ≤ 1. */
function ellipseArea([one, other]: readonly Point[], extent: Extent): Area {
  const runs = new Runs(extent);
  if (one === undefined || other === undefined) return runs.done();
  const [x, y] = [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
  const [a, b] = [Math.abs(other[0] - one[0]) / 2, Math.abs(other[1] - one[1]) / 2];
  if (!(a > 0 && b > 0)) return runs.done();
  for (const row of runs.rows(y - b - 1, y + b + 1)) {
    const v = (row - y) / b;
    const isInside = (column: number): boolean => {
      const u = (column - x) / a;
      return u * u + v * v <= 1;
    };
    const half = a * Math.sqrt(Math.max(1 - v * v, 0));
    // The root gives the neighbourhood; the inequality itself decides.
    let [first, last] = [Math.ceil(x - half) - 1, Math.floor(x + half) + 1];
    while (first <= last && !isInside(first)) first += 1;
    while (last >= first && !isInside(last)) last -= 1;
    runs.add(row, first, last + 1);
  }
  return runs.done();
}

/** Voxels between two opposite corners, edges included. */
function rectangleArea([one, other]: readonly Point[], extent: Extent): Area {
  const runs = new Runs(extent);
  if (one === undefined || other === undefined) return runs.done();
  const [left, right] = [Math.min(one[0], other[0]), Math.max(one[0], other[0])];
  for (const row of runs.rows(Math.min(one[1], other[1]), Math.max(one[1], other[1]))) {
    runs.add(row, Math.ceil(left), Math.floor(right) + 1);
  }
  return runs.done();
}

/** Voxels inside a closed outline by the even-odd rule; left and upper edges belong to it, right and lower ones do not. */
function polygonArea(points: readonly Point[], extent: Extent): Area {
  const runs = new Runs(extent);
  let [top, bottom] = [Infinity, -Infinity];
  for (const [, row] of points) {
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
  }
  for (const row of runs.rows(top, bottom)) {
    const places = passesOf(points, row);
    // From the first pass to the second is inside, a voxel right on the first one too.
    for (let i = 0; i + 1 < places.length; i += 2) runs.add(row, places[i] as number, places[i + 1] as number);
  }
  return runs.done();
}

/** Return the first column at or right of each pass of an outline through a row, in order; a side has its upper end only. */
function passesOf(points: readonly Point[], row: number): number[] {
  const found: number[] = [];
  points.forEach((point, i) => {
    const next = points[(i + 1) % points.length] as Point;
    const [[x0, y0], [x1, y1]] = point[1] < next[1] ? [point, next] : [next, point];
    if (y0 <= row && row < y1) found.push(Math.ceil(x0 + ((x1 - x0) * (row - y0)) / (y1 - y0)));
  });
  return found.sort((one, other) => one - other);
}

const SHAPES: Partial<Record<Kind, (points: readonly Point[], extent: Extent) => Area>> = {
  ellipse: ellipseArea, rectangle: rectangleArea, polygon: polygonArea, freehand: polygonArea,
};

/** Return the voxels of a measurement that encloses any, or null for one that is no area. */
export function areaOf(kind: Kind, points: readonly Point[], extent: Extent): Area | null {
  return SHAPES[kind]?.(points, extent) ?? null;
}

/** Return whether the points' box reaches beyond the image's outer edge, half a voxel beyond its outermost centres. */
export function leavesImage(points: readonly Point[], { columns, rows }: Extent): boolean {
  return points.some(([column, row]) => column < -0.5 || row < -0.5 || column > columns - 0.5 || row > rows - 0.5);
}
