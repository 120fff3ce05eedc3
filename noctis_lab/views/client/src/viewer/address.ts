/** The view in the page's address: everything that `ViewState` holds, short, after the #. Pure. */
import { decodeMpr, encodeMpr } from "../mpr/address";
import { decodeOverlay, encodeOverlay } from "../overlay/state";
import { isPlot } from "../plots/names";
import { decodeVolume, encodeVolume } from "../volume3d/address";
import { type Colormap, COLORMAPS } from "./colormaps";
import { layoutOf } from "./grid";
import { defaultState, type Link, MAX_ZOOM, MIN_ZOOM, type PaneState, type ViewState, type Window } from "./state";
import type { WindowFunction } from "../ground/transport";

/** An address is anybody's to write: what is longer than nine panes can be is not read. */
const LONGEST = 4096;
const MOST_PANES = 9;
const MOST_TABLES = 8;
const LARGEST_INDEX = 10_000_000;
const LARGEST_NUMBER = 1e12;
const NUMBER = /^-?\d{1,17}(\.\d{1,17})?(e[+-]?\d{1,3})?$/;
const UID = /^[0-9.]{1,64}$/; // PS3.5 9.1
const FUNCTIONS: Record<string, WindowFunction> = { l: "LINEAR", e: "LINEAR_EXACT", s: "SIGMOID" };
const LINKS: readonly [letter: string, name: keyof Link][] = [["p", "position"], ["w", "window"], ["z", "zoom"]];

/** What an address says is no view of ours. */
export class NoView extends Error {}

/** Seven digits: a thousandth of a voxel in a pan of thousands. */
const short = (value: number): string => String(Number(value.toPrecision(7)));

function encodePane(pane: PaneState): string {
  const { window: window_, pan: [row, column] } = pane;
  const letter = window_ && Object.keys(FUNCTIONS).find((key) => FUNCTIONS[key] === window_.function);
  const parts = [
    pane.StudyInstanceUID && `s${pane.StudyInstanceUID}`,
    pane.index !== null && `i${pane.index}`,
    window_ && `w${short(window_.center)}:${short(window_.width)}:${letter}`,
    pane.voi_lut !== null && `t${pane.voi_lut}`,
    pane.colormap !== null && `c${COLORMAPS.findIndex(({ name }) => name === pane.colormap)}`,
    pane.zoom !== 1 && `z${short(pane.zoom)}`,
    (row !== 0 || column !== 0) && `o${short(row)}:${short(column)}`,
    pane.rotation_deg !== 0 && `r${pane.rotation_deg}`,
    pane.inverted && "n",
    pane.flipped && "f",
  ];
  return [pane.SeriesInstanceUID, ...parts.filter((part) => part)].join(",");
}

/** Return a view as what stands after the # of an address. */
export function encodeView(view: ViewState): string {
  const links = LINKS.filter(([, name]) => view.link[name]).map(([letter]) => letter).join("");
  const panes = view.panes.length > 0 ? view.panes : [view];
  return [
    `l=${view.layout}`, ...(view.active > 0 ? [`a=${view.active}`] : []), ...(links ? [`k=${links}`] : []),
    ...(view.mpr ? [`m=${encodeMpr(view.mpr)}`] : []), ...(view.volume ? [`v=${encodeVolume(view.volume)}`] : []),
    ...(view.overlay ? [`o=${encodeOverlay(view.overlay)}`] : []),
    ...(view.plot ? [`g=${view.plot}`] : []), ...panes.map((pane) => `p=${encodePane(pane)}`),
  ].join("&");
}

function readNumber(text: string | undefined): number {
  const value = text !== undefined && NUMBER.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value) || Math.abs(value) > LARGEST_NUMBER) throw new NoView("a number is none");
  return value;
}

function readWhole(text: string, largest: number): number {
  const value = readNumber(text);
  if (!Number.isInteger(value) || value < 0 || value > largest) throw new NoView("an index is out of range");
  return value;
}

function readUID(text: string): string {
  if (!UID.test(text)) throw new NoView("a UID is none");
  return text;
}

function readWindow(text: string): Window {
  const [center, width, letter = ""] = text.split(":");
  const voi = Object.hasOwn(FUNCTIONS, letter) ? FUNCTIONS[letter] : undefined;
  const window_ = { center: readNumber(center), width: readNumber(width), function: voi as WindowFunction };
  // PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2
  if (voi === undefined || window_.width <= 0 || (voi === "LINEAR" && window_.width < 1)) throw new NoView("a window is none");
  return window_;
}

function readColormap(text: string): Colormap {
  const known = COLORMAPS[readWhole(text, COLORMAPS.length - 1)];
  if (known === undefined) throw new NoView("a colour map is none");
  return known.name;
}

function readZoom(text: string): number {
  const zoom = readNumber(text);
  if (zoom < MIN_ZOOM || zoom > MAX_ZOOM) throw new NoView("a zoom is out of range");
  return zoom;
}

function readPan(text: string): [number, number] {
  const [row, column] = text.split(":");
  return [readNumber(row), readNumber(column)];
}

function readRotation(text: string): PaneState["rotation_deg"] {
  const turn = ([0, 90, 180, 270] as const).find((degrees) => String(degrees) === text);
  if (turn === undefined) throw new NoView("a turn is none");
  return turn;
}

const PARTS: Record<string, (text: string) => Partial<PaneState>> = {
  s: (text) => ({ StudyInstanceUID: readUID(text) }),
  i: (text) => ({ index: readWhole(text, LARGEST_INDEX) }),
  w: (text) => ({ window: readWindow(text) }),
  t: (text) => ({ voi_lut: readWhole(text, MOST_TABLES - 1) }),
  c: (text) => ({ colormap: readColormap(text) }),
  z: (text) => ({ zoom: readZoom(text) }),
  o: (text) => ({ pan: readPan(text) }),
  r: (text) => ({ rotation_deg: readRotation(text) }),
  n: () => ({ inverted: true }),
  f: () => ({ flipped: true }),
};

function decodePane(text: string): PaneState {
  const [series = "", ...parts] = text.split(",");
  const state = defaultState(series === "" ? "" : readUID(series));
  for (const part of parts) {
    const read = Object.hasOwn(PARTS, part.charAt(0)) ? PARTS[part.charAt(0)] : undefined;
    if (read === undefined) throw new NoView("a part of a pane is none of ours");
    Object.assign(state, read(part.slice(1)));
  }
  return state;
}

/**
 * Return the view that an address states after its #, or null where it states none.
 *
 * Throws `NoView` where any part is unsound: then nothing of it is taken.
 */
export function decodeView(fragment: string): ViewState | null {
  const text = fragment.replace(/^#/, "");
  if (text === "") return null;
  if (text.length > LONGEST) throw new NoView("it is too long");
  const said = new URLSearchParams(text);
  const name = said.get("l") ?? "";
  const layout = layoutOf(name);
  const count = layout.rows * layout.columns;
  const panes = said.getAll("p").slice(0, MOST_PANES + 1).map(decodePane);
  const active = said.has("a") ? readWhole(said.get("a") ?? "", count - 1) : 0;
  if (layout.name !== name || panes.length > count || panes[active] === undefined) throw new NoView("its panes do not fit its layout");
  const letters = said.get("k") ?? "";
  const link = Object.fromEntries(LINKS.map(([letter, link_]) => [link_, letters.includes(letter)])) as unknown as Link;
  const mpr = said.has("m") ? decodeMpr(said.get("m") ?? "") : undefined;
  if (mpr === null) throw new NoView("its planes are none");
  const volume = said.has("v") ? decodeVolume(said.get("v") ?? "") : undefined;
  if (volume === null) throw new NoView("its volume is none");
  const overlay = said.has("o") ? decodeOverlay(said.get("o") ?? "") : undefined;
  if (overlay === null) throw new NoView("what lies over its images is none");
  const plot = said.get("g") ?? "";
  if (plot !== "" && !isPlot(plot)) throw new NoView("a plot is none of ours");
  return {
    ...panes[active], layout: name, active, link, panes: count > 1 ? panes : [],
    ...(mpr ? { mpr } : {}), ...(volume ? { volume } : {}), ...(overlay ? { overlay } : {}), ...(plot ? { plot } : {}),
  };
}
