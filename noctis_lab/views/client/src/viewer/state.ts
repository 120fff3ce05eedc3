/** What a view shows: the JSON twin of Python's `ViewerState`. It holds no pixels. */
import type { WindowFunction } from "../ground/transport";
import { type OverlayState, sameOverlay } from "../overlay/state";
import type { MprState } from "../mpr/model";
import type { PlotName } from "../plots/names";
import type { VolumeState } from "../volume3d/state";
import type { Colormap } from "./colormaps";

/** A VOI window in modality units, centre first as in DICOM. */
export interface Window {
  center: number;
  width: number;
  function: WindowFunction;
}

/** What one pane shows. */
export interface PaneState {
  /** The study of the series; empty: the view's own. */
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
  /** Frame in view, from 0 in the stack's order; null: the middle one. */
  index: number | null;
  /** null: the first window the series states, or else one from the pixels. */
  window: Window | null;
  /** Which of the series' VOI LUT tables is in use instead of the window, from 0; null: the window. */
  voi_lut: number | null;
  inverted: boolean;
  /** The colours of one-channel images; null: those in which the modality is usually read. */
  colormap: Colormap | null;
  /** 1 shows the whole frame. */
  zoom: number;
  /** (row, column): how far the pane's centre is from the frame's, in voxels. */
  pan: [number, number];
  /** Clockwise, applied first. */
  rotation_deg: 0 | 90 | 180 | 270;
  /** Mirrored left to right on the screen, applied after the rotation. */
  flipped: boolean;
}

/** What panes share that lie in one frame of reference. */
export interface Link {
  position: boolean;
  window: boolean;
  zoom: boolean;
}

/** The whole view: the active pane's state, and how the panes stand. */
export interface ViewState extends PaneState {
  /** "rows × columns", by an x. */
  layout: string;
  /** Every pane, row by row, the active one too; empty: the one pane is the view itself. */
  panes: PaneState[];
  /** Which pane keys and toolbar act on. */
  active: number;
  link: Link;
  /** Three planes through a volume and which of several it is, where the layout has them or shows it from outside. */
  mpr?: MprState | null;
  /** What lies over the images; null: nothing was chosen. */
  overlay?: OverlayState | null;
  /** The plot below a page's images; empty: none. */
  plot?: PlotName | "";
  /** A volume seen from outside, where the layout has one, or as it was said before the layout has. */
  volume?: VolumeState | null;
}

export const MIN_ZOOM = 0.1;
export const MAX_ZOOM = 64;

export function defaultState(SeriesInstanceUID: string): PaneState {
  return {
    StudyInstanceUID: "", SeriesInstanceUID, index: null, window: null, voi_lut: null, inverted: false, colormap: null, zoom: 1, pan: [0, 0], rotation_deg: 0, flipped: false,
  };
}

/** Return a pane's part of what a view says of itself; what it does not say is left out. */
export function paneStateOf(state: Partial<ViewState>): Partial<PaneState> {
  const { layout: _, panes: _panes, active: _active, link: _link, mpr: _mpr, volume: _volume, overlay: _overlay, plot: _plot, ...pane } = state;
  return pane;
}

export function sameWindow(a: Window | null, b: Window | null): boolean {
  return a === b || (a !== null && b !== null && a.center === b.center && a.width === b.width && a.function === b.function);
}

export function sameState(a: PaneState, b: PaneState): boolean {
  return a.StudyInstanceUID === b.StudyInstanceUID && a.SeriesInstanceUID === b.SeriesInstanceUID && a.index === b.index && sameWindow(a.window, b.window)
    && a.voi_lut === b.voi_lut && a.inverted === b.inverted && a.colormap === b.colormap && a.zoom === b.zoom && a.pan[0] === b.pan[0] && a.pan[1] === b.pan[1]
    && a.rotation_deg === b.rotation_deg && a.flipped === b.flipped;
}

export function sameView(a: ViewState, b: ViewState): boolean {
  return sameState(a, b) && a.layout === b.layout && a.active === b.active && (a.plot ?? "") === (b.plot ?? "") && sameLink(a.link, b.link)
    && JSON.stringify([a.mpr ?? null, a.volume ?? null]) === JSON.stringify([b.mpr ?? null, b.volume ?? null]) && sameOverlay(a.overlay ?? null, b.overlay ?? null)
    && a.panes.length === b.panes.length && a.panes.every((pane, i) => sameState(pane, b.panes[i] as PaneState));
}

const sameLink = (a: Link, b: Link): boolean => a.position === b.position && a.window === b.window && a.zoom === b.zoom;

/** Return what the panes show, where the active one's part stands at the top level. */
export function withActive(panes: readonly PaneState[], active: number, state: Partial<ViewState>): Partial<PaneState>[] {
  const own = paneStateOf(state);
  const all: Partial<PaneState>[] = panes.map((pane, i) => (i === active ? { ...pane, ...own } : pane));
  if (all[active] === undefined && active === 0) all[0] = own;
  return all;
}
