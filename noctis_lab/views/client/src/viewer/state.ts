/** What a view shows: the JSON twin of Python's `ViewerState`. It holds no pixels. */
import type { WindowFunction } from "../ground/transport";

/** A VOI window in modality units, centre first as in DICOM. */
export interface Window {
  center: number;
  width: number;
  function: WindowFunction;
}

export interface ViewState {
  SeriesInstanceUID: string;
  /** Frame in view, from 0 in the stack's order; null: the middle one. */
  index: number | null;
  /** null: the first window the series states, or else one from the pixels. */
  window: Window | null;
  inverted: boolean;
  /** 1 shows the whole frame. */
  zoom: number;
  /** (row, column): how far the pane's centre is from the frame's, in voxels. */
  pan: [number, number];
  /** Clockwise, applied first. */
  rotation_deg: 0 | 90 | 180 | 270;
  /** Mirrored left to right on the screen, applied after the rotation. */
  flipped: boolean;
}

export const MIN_ZOOM = 0.1;
export const MAX_ZOOM = 64;

export function defaultState(SeriesInstanceUID: string): ViewState {
  return {
    SeriesInstanceUID, index: null, window: null, inverted: false, zoom: 1, pan: [0, 0], rotation_deg: 0, flipped: false,
  };
}

export function sameWindow(a: Window | null, b: Window | null): boolean {
  return a === b || (a !== null && b !== null && a.center === b.center && a.width === b.width && a.function === b.function);
}

export function sameState(a: ViewState, b: ViewState): boolean {
  return a.SeriesInstanceUID === b.SeriesInstanceUID && a.index === b.index && sameWindow(a.window, b.window)
    && a.inverted === b.inverted && a.zoom === b.zoom && a.pan[0] === b.pan[0] && a.pan[1] === b.pan[1]
    && a.rotation_deg === b.rotation_deg && a.flipped === b.flipped;
}
