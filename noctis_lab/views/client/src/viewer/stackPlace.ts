/** Where a stack's frame lies on its canvas, as it was painted and as the state asks; what zooming and moving make of the state. */
import type { StackDescription } from "../ground/transport";
import { acrossOf, panAround, panBeside, type Placement, placementOf, proportionsOf, zoomForScale } from "./geometry";
import { extentOf } from "./renderer";
import type { ShownFrame } from "./stackPlane";
import { MAX_ZOOM, MIN_ZOOM, type PaneState } from "./state";

/** The canvas, px of the screen. */
interface Size {
  readonly width: number;
  readonly height: number;
  readonly pixelRatio: number;
}

/** What lies there. */
interface Lying {
  state: Readonly<PaneState>;
  stack: StackDescription | null;
  /** The frame on the canvas. */
  shown: ShownFrame | null;
}

interface Shape {
  rows: number;
  columns: number;
}

export class StackPlace {
  /** As it was painted last; null while nothing is. */
  painted: Placement | null = null;

  constructor(readonly lying: () => Lying, readonly size: Size) {}

  /** What a CSS pixel takes across, as the state asks. */
  get mmPerPixel(): number | null {
    const { state, stack } = this.lying();
    const [shape, spacing] = [this.#shape, stack?.pixel_spacing_mm];
    if (shape === null || !spacing || this.size.width === 0) return null;
    return (acrossOf(spacing, state) / this.of(state, shape).sx) * this.size.pixelRatio;
  }

  /** Return where a frame of a shape lies in a state. */
  of(state: Readonly<PaneState>, shape: Shape): Placement {
    const { stack } = this.lying();
    return placementOf(state, shape, stack && proportionsOf(stack), this.size.width, this.size.height);
  }

  /** Return the change that zooms, and keeps the voxel under a point (device px of the canvas; its centre without one) in place. */
  zoomed(zoom: number, point?: [number, number]): Partial<PaneState> {
    const { state } = this.lying();
    const shape = this.#shape;
    const bounded = Math.min(Math.max(zoom, MIN_ZOOM), MAX_ZOOM);
    if (shape === null || this.painted === null || point === undefined) return { zoom: bounded };
    // As the state has it: what is painted may lag behind, and a pan between would be taken back.
    const [before, after] = [this.of(state, shape), this.of({ ...state, zoom: bounded }, shape)];
    return { zoom: bounded, pan: panAround(point, before, after, state, shape) };
  }

  /** Return the change that shows one voxel column on so many device pixels. */
  scaled(pixels: number): Partial<PaneState> {
    const { state, stack } = this.lying();
    const [shape, { width, height }] = [this.#shape, this.size];
    return shape !== null && stack ? { zoom: zoomForScale(pixels, state, shape, proportionsOf(stack), width, height) } : {};
  }

  /** Return the change that moves the image by CSS pixels on the screen; null before it is there. */
  panned(dx: number, dy: number): Partial<PaneState> | null {
    const [shape, { pixelRatio }] = [this.#shape, this.size];
    if (shape === null || this.painted === null) return null;
    return { pan: panBeside([dx * pixelRatio, dy * pixelRatio], this.painted, this.lying().state, shape) };
  }

  get #shape(): Shape | null {
    const { state, stack, shown } = this.lying();
    return (shown && extentOf(shown.frame)) ?? stack?.frames[state.index ?? 0] ?? null;
  }
}
