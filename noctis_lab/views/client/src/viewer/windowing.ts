/** VOI windows: PS3.3 C.11.2.1.2 in 8 bits, the presets, and a window from the pixels themselves. */
import type { FrameDescription, NamedWindow, StackDescription, WindowFunction } from "../ground/transport";
import type { Frame } from "./renderer";
import { sameWindow, type Window } from "./state";

/** grey = value · gain + offset, or 255 / (1 + exp(−that)) for a sigmoid; clamped to 0 … 255, then floor(grey + 0.5). */
export interface Ramp {
  gain: number;
  offset: number;
  isSigmoid: boolean;
}

/** Return a window as a ramp over modality values. */
export function rampOf(window: Window): Ramp {
  if (window.function === "LINEAR_EXACT") {
    // PS3.3 C.11.2.1.3.2
    return { gain: 255 / window.width, offset: 255 * (0.5 - window.center / window.width), isSigmoid: false };
  }
  if (window.function === "SIGMOID") {
    // PS3.3 C.11.2.1.3.1
    return { gain: 4 / window.width, offset: (-4 * window.center) / window.width, isSigmoid: true };
  }
  if (window.width <= 1) {
    // PS3.3 C.11.2.1.2.1: width 1 is a threshold at center − 0.5; a very steep ramp over it.
    return { gain: 255e6, offset: -255e6 * (window.center - 0.5), isSigmoid: false };
  }
  const span = window.width - 1;
  return { gain: 255 / span, offset: 255 * (0.5 - (window.center - 0.5) / span), isSigmoid: false };
}

/** Return the same ramp over stored values: the Modality LUT folded in. */
export function storedRamp(ramp: Ramp, frame: Pick<FrameDescription, "slope" | "intercept">): Ramp {
  return { ...ramp, gain: ramp.gain * frame.slope, offset: ramp.gain * frame.intercept + ramp.offset };
}

/** Return the grey level, 0 … 255, of a value under a ramp. */
export function greyOf(value: number, ramp: Ramp): number {
  const line = value * ramp.gain + ramp.offset;
  const grey = ramp.isSigmoid ? 255 / (1 + Math.exp(-line)) : line;
  return grey <= 0 ? 0 : grey >= 255 ? 255 : Math.floor(grey + 0.5);
}

export interface Preset {
  name: string;
  width: number;
  center: number;
  key: string;
}

export const CT_PRESETS: readonly Preset[] = [
  { name: "Soft tissue", width: 400, center: 40, key: "1" },
  { name: "Lung", width: 1500, center: -600, key: "2" },
  { name: "Liver", width: 150, center: 90, key: "3" },
  { name: "Bone", width: 2500, center: 480, key: "4" },
  { name: "Brain", width: 80, center: 40, key: "5" },
  { name: "Mediastinum", width: 400, center: 80, key: "6" },
  { name: "Air", width: 1000, center: -426, key: "7" },
  { name: "Angio", width: 380, center: 120, key: "8" },
  { name: "Water QA", width: 100, center: 0, key: "9" },
];

/** Presets are Hounsfield units: only a CT whose values are stated as such has them. */
export function presetsFor(stack: StackDescription): readonly Preset[] {
  return stack.modality === "CT" && (stack.units === "HU" || stack.units === null) ? CT_PRESETS : [];
}

/** Return whether the least value is white: it is stored so, or it is inverted, but not both. */
export function isLeastWhite(stack: Pick<StackDescription, "photometric_interpretation">, inverted: boolean): boolean {
  return inverted !== (stack.photometric_interpretation === "MONOCHROME1"); // PS3.3 C.7.6.3.1.2
}

/** Return a window of a function; LINEAR is not defined below width 1 and becomes LINEAR_EXACT there. */
export function makeWindow(center: number, width: number, voi: WindowFunction = "LINEAR"): Window {
  return { center, width, function: voi === "LINEAR" && width < 1 ? "LINEAR_EXACT" : voi };
}

/** Grey levels of modality values one by one: PS3.3 C.11.2.1.1. */
export interface GreyTable {
  first: number;
  greys: Uint8Array;
}

const TABLES = new WeakMap<NamedWindow, GreyTable>();

/** Return the tables among the windows that a series states; `voi_lut` counts them, from 0. */
export function tablesOf(windows: readonly NamedWindow[]): GreyTable[] {
  return windows.flatMap((stated) => {
    if (!stated.table) return [];
    const known = TABLES.get(stated) ?? { first: stated.table.first_mapped, greys: Uint8Array.from(atob(stated.table.greys), (code) => code.charCodeAt(0)) };
    TABLES.set(stated, known);
    return [known];
  });
}

/** Return which of the tables one of the stated windows is, from 0; null where it is none. */
export function tableNumber(windows: readonly NamedWindow[], place: number): number | null {
  return windows[place]?.table ? windows.slice(0, place).filter((stated) => stated.table).length : null;
}

/** Return the grey level of a value: the nearest entry's, the first's below, the last's beyond; of NaN 0. */
export function greyOfTable(value: number, { first, greys }: GreyTable): number {
  const at = Math.floor(value + 0.5) - first;
  return greys[at <= 0 ? 0 : at >= greys.length ? greys.length - 1 : at] ?? 0;
}

/** Return the window that a series states, with the function that it states. */
export function statedWindow(stated: Pick<NamedWindow, "center" | "width" | "function">): Window {
  return makeWindow(stated.center, stated.width, stated.function);
}

/** What the key `d` gives, in the one wording that sheet, panel and documentation share. */
export const OWN_WINDOWS = "the image's own window, then its others in turn";

/** A window to choose by name, and its key where it has one. */
export interface WindowChoice {
  name: string;
  key: string;
  window: Window;
  /** Which of the series' tables it is, from 0. */
  voi_lut: number | null;
}

/** Return what there is to choose from: a reader's own presets, the built-in ones, the image's own windows and tables. */
export function choicesFor(stack: StackDescription, own: readonly Pick<WindowChoice, "name" | "window">[] = []): WindowChoice[] {
  return [
    ...own.map(({ name, window }) => ({ name, key: "", window, voi_lut: null })),
    ...presetsFor(stack).map(({ name, key, center, width }) => ({ name, key, window: makeWindow(center, width), voi_lut: null })),
    ...stack.windows.map((own, i) => ({
      name: own.name || `Window ${i + 1}`, key: i === 0 ? "d" : "", window: statedWindow(own), voi_lut: tableNumber(stack.windows, i),
    })),
  ];
}

/**
 * Return the image's own window or table to go to from what is in use, and what to say of it: the first, or the one
 * after that of the last turn where that is in use still. Where the image states none, the one that it was opened with.
 */
export function nextOwnWindow(
  windows: readonly NamedWindow[], turn: number, inUse: Window | null, opened: Window | null, lutInUse: number | null = null,
): { turn: number; window: Window | null; voi_lut: number | null; words: string } {
  const last = windows[turn];
  const isInUse = last && sameWindow(statedWindow(last), inUse) && tableNumber(windows, turn) === lutInUse;
  const next = isInUse ? (turn + 1) % windows.length : 0;
  const own = windows[next];
  if (own?.is_stated) {
    const words = windows.length > 1 ? `${own.name}: window ${next + 1} of the image's own ${windows.length}` : `${own.name}: the image's only own window`;
    return { turn: next, window: statedWindow(own), voi_lut: tableNumber(windows, next), words };
  }
  const window = own ? statedWindow(own) : opened;
  return { turn: 0, window, voi_lut: null, words: window ? "The image states no window: as it was opened" : "Colours have no window" };
}

/** From this span on LINEAR's half steps are too small to be seen. */
const WIDE_SPAN = 16;

/**
 * Return the window from the 1st to the 99th percentile of at most 131,072 of a frame's values: what the server's
 * `window_of_values` gives. The least value does not count, unless nearly all are it: air or padding would decide.
 */
export function windowFromPixels(stored: ArrayLike<number>, slope: number, intercept: number): Window {
  const step = Math.max(1, Math.floor(stored.length / 65_536));
  let sample: number[] = [];
  for (let i = 0; i < stored.length; i += step) {
    const value = (stored[i] as number) * slope + intercept;
    if (Number.isFinite(value)) sample.push(value);
  }
  if (sample.length === 0) return makeWindow(0.5, 1);
  sample.sort((a, b) => a - b);
  const first = sample.findIndex((value) => value > (sample[0] as number));
  if (first > 0 && sample.length - first >= sample.length / 20) sample = sample.slice(first);
  const [low, high] = [percentileOf(sample, 0.01), percentileOf(sample, 0.99)];
  // The inverse of LINEAR's edges: low is the last black value, high the first white one.
  if (high - low >= WIDE_SPAN) return makeWindow((low + high) / 2 + 0.5, high - low + 1);
  return makeWindow((low + high) / 2, high > low ? high - low : 1, "LINEAR_EXACT");
}

/** Return a frame's window from its pixels; colours have none. */
export function windowOfFrame({ channels, stored, slope, intercept }: Frame): Window | null {
  return channels === 3 ? null : windowFromPixels(stored, slope, intercept);
}

function percentileOf(sorted: readonly number[], fraction: number): number {
  const place = (sorted.length - 1) * fraction;
  const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  return below + (above - below) * (place - Math.floor(place));
}

/** Round to what a person would type: whole units from width 20 up, else three digits; the function stays. */
export function roundWindow(window: Window): Window {
  const unit = window.width >= 20 ? 1 : 10 ** (Math.floor(Math.log10(Math.max(window.width, 1e-12))) - 2);
  const round = (value: number): number => Number((Math.round(value / unit) * unit).toPrecision(12));
  return makeWindow(round(window.center), Math.max(round(window.width), unit), window.function);
}
