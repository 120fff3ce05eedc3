/** What may colour a canvas once its image is painted, before it is shown: a pane asks whatever its maker gave it. */
import type { PlaneGrid, Sampled } from "../mpr/plane";
import type { Volume } from "../mpr/volume";
import type { Placement, Turn } from "../viewer/geometry";
import type { Pane } from "../viewer/pane";

/** A stack's frame on a canvas. */
export interface FrameOnCanvas {
  /** By its place in the stack. */
  index: number;
  /** Of the image, even where a preview is painted. */
  rows: number;
  columns: number;
  placement: Placement;
  turn: Turn;
}

/** A plane through a volume on a canvas, a pixel of the grid each. */
export interface PlaneOnCanvas {
  volume: Volume;
  grid: PlaneGrid;
  sampled: Sampled;
  /** Values were sampled anew: pixels may show other voxels than before. */
  isNew: boolean;
}

export interface Tint {
  /** Another text where it would colour a pane otherwise than before. */
  key(pane: Pane): string;
  frame(pane: Pane, pixels: Uint32Array, at: FrameOnCanvas): void;
  plane(pane: Pane, pixels: Uint32Array, at: PlaneOnCanvas): void;
}
