/** Where the pixels of a plane's pane lie, as its state asks: what is on the canvas may be what was asked before. */
import type { PlaneGeometry, Vector as Point } from "../ground/plane";
import { axesOf } from "../viewer/geometry";
import type { PaneState } from "../viewer/state";
import type { Lie } from "./drawing";
import { type MprModel, normalOf, type PlaneName } from "./model";
import type { PlaneGrid } from "./plane";
import { dot, minus, plus, scaled, type Vector } from "./vectors";
import { canvasGrid } from "./view";

/** The canvas, px of the screen. */
interface Size {
  readonly width: number;
  readonly height: number;
  readonly pixelRatio: number;
}

export class PlanePlace {
  /** What was asked for last, and what follows from it. */
  #known: { asked: readonly unknown[]; lie: Lie; grid: PlaneGrid } | null = null;

  /** Of the state: `pan` is how far the middle of the pane is from the volume's, down and right along the plane, mm. */
  constructor(
    readonly name: PlaneName, readonly model: MprModel, readonly size: Size,
    readonly turn: () => Pick<PaneState, "pan" | "rotation_deg" | "flipped">,
  ) {}

  /** What a CSS pixel takes across. */
  get mmPerPixel(): number {
    return (this.model.fitting / this.model.zoom) * this.size.pixelRatio;
  }

  /** The screen's directions in the patient: the plane's own, turned and mirrored as the pane is. */
  get axes(): { right: Vector; down: Vector } {
    const { right, down } = this.model.planes[this.name];
    const turn = axesOf(this.turn());
    const along = ([x, y]: readonly [number, number]): Vector => plus(scaled(right, x), scaled(down, y));
    return { right: along(turn.right), down: along(turn.down) };
  }

  /** What lies in the middle of the pane. */
  get centre(): Point {
    const { right, down } = this.model.planes[this.name];
    const [y, x] = this.turn().pan;
    const middle = plus(plus(this.model.centre, scaled(right, x)), scaled(down, y));
    const normal = normalOf({ right, down });
    return [...plus(middle, scaled(normal, dot(minus(this.model.crosshair, middle), normal)))] as Point;
  }

  /** How a canvas of this size lies; null while there is nothing to lie in. */
  get lie(): Lie | null {
    return this.#found?.lie ?? null;
  }

  /** The grid of the canvas's pixels. */
  get grid(): PlaneGrid | null {
    return this.#found?.grid ?? null;
  }

  /** The same as a frame of the canvas's pixels. */
  get wanted(): PlaneGeometry | null {
    const found = this.#found;
    if (found === null) return null;
    const { grid, lie: { right, down, mmPerPixel } } = found;
    return { origin_mm: [...grid.origin], right: [...right], down: [...down], spacing_mm: [mmPerPixel, mmPerPixel], rows: grid.rows, columns: grid.columns };
  }

  get #found(): { lie: Lie; grid: PlaneGrid } | null {
    const { model, name, size: { width, height, pixelRatio } } = this;
    const { volume, crosshair } = model;
    if (volume === null || width === 0 || height === 0) return null;
    const { pan, rotation_deg, flipped } = this.turn();
    const asked = [volume, crosshair, model.planes[name], pan, rotation_deg, flipped, model.fitting, model.zoom, width, height];
    if (this.#known !== null && asked.every((part, i) => part === this.#known?.asked[i])) return this.#known;
    const lie = { ...this.axes, width, height, mmPerPixel: this.mmPerPixel / pixelRatio, centre: this.centre };
    this.#known = { asked, lie, grid: canvasGrid(volume.full, { through: crosshair, right: lie.right, down: lie.down }, lie) };
    return this.#known;
  }

  /** Return where a place stands in the pane, CSS px. */
  toCanvas(place: Readonly<Vector>): [number, number] {
    const found = this.#found;
    return found === null ? [0, 0] : onCanvas(place, found.lie, found.grid, this.size.pixelRatio);
  }

  /** Return the place on the plane under a point of the pane, CSS px. */
  toPlane(x: number, y: number): Vector {
    const found = this.#found;
    return found === null ? this.model.crosshair : onPlane(x, y, found.lie, found.grid, this.size.pixelRatio);
  }
}

/** Return where a place stands on a canvas, CSS px; the grid's origin is its first pixel's centre. */
export function onCanvas(place: Readonly<Vector>, { right, down, mmPerPixel }: Lie, { origin }: PlaneGrid, pixelRatio: number): [number, number] {
  const offset = minus(place, origin);
  return [(dot(offset, right) / mmPerPixel + 0.5) / pixelRatio, (dot(offset, down) / mmPerPixel + 0.5) / pixelRatio];
}

/** The inverse of `onCanvas`. */
export function onPlane(x: number, y: number, { right, down, mmPerPixel }: Lie, { origin }: PlaneGrid, pixelRatio: number): Vector {
  return plus(plus(origin, scaled(right, (x * pixelRatio - 0.5) * mmPerPixel)), scaled(down, (y * pixelRatio - 0.5) * mmPerPixel));
}
