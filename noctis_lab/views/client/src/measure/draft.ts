/** A shape while it is drawn: points that are set, and one that follows mouse or keyboard. Pure. */
import type { Point } from "./area";
import { factsOf, FEWEST_CORNERS, type Kind, MOST_POINTS } from "./shapes";

export class Draft {
  #set: Point[] = [];
  #floating: Point | null = null;
  /** A freehand line follows the pressed mouse. */
  #isTrailing = false;

  constructor(readonly kind: Kind) {}

  /** The shape as it would be if the floating point were set here. */
  get points(): Point[] {
    return this.#floating === null ? [...this.#set] : [...this.#set, this.#floating];
  }

  /** How many points are set. */
  get count(): number {
    return this.#set.length;
  }

  get last(): Point | null {
    return this.#set[this.#set.length - 1] ?? null;
  }

  get first(): Point | null {
    return this.#set[0] ?? null;
  }

  /** Whether all of its points are set; a polygon never has all of them by itself. */
  get isComplete(): boolean {
    const { points } = factsOf(this.kind);
    return points !== null && this.#set.length >= points;
  }

  /** Whether it may end here. */
  get canClose(): boolean {
    return factsOf(this.kind).points === null && this.#set.length >= FEWEST_CORNERS;
  }

  /** Set a point. */
  place(point: Point): void {
    if (this.#set.length < MOST_POINTS) this.#set.push(point);
    this.#floating = null;
  }

  /** Let the floating point follow. */
  follow(point: Point): void {
    if (this.#set.length > 0 && !this.isComplete) this.#floating = point;
  }

  /** A freehand line goes on to a point. */
  trail(point: Point): void {
    this.#isTrailing = true;
    this.place(point);
  }

  get isTrailing(): boolean {
    return this.#isTrailing;
  }

  /** Take the last point back; false where none is left. */
  unplace(): boolean {
    this.#set.pop();
    this.#isTrailing = false;
    return this.#set.length > 0;
  }

  /** The points that are set, at its end. */
  closed(): Point[] {
    return [...this.#set];
  }
}

/** Return a corner moved so that the box from another one is as wide as high, by the voxels' proportions (row, column). */
export function squared(from: Point, to: Point, proportions: readonly [number, number]): Point {
  const [width, height] = [(to[0] - from[0]) * proportions[1], (to[1] - from[1]) * proportions[0]];
  const side = Math.max(Math.abs(width), Math.abs(height));
  const sign = (value: number): number => (value < 0 ? -1 : 1);
  return [from[0] + (sign(width) * side) / proportions[1], from[1] + (sign(height) * side) / proportions[0]];
}
