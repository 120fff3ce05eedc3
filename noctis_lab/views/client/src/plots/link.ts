/**
 * How views and plots of one state speak to each other: by events of the document, for they may stand in different cells
 * of a notebook. Nothing of it goes over a wire.
 */
import type { Measurement } from "../measure/shapes";
import type { Telling } from "../viewer/pane";
import type { Window } from "../viewer/state";
import type { PlotName } from "./names";

/** What a plot asks of the views. */
export type Asking =
  | { kind: "hello" }
  | { kind: "window"; center: number; width: number; telling: Telling }
  /** Show the image of another time, echo or b-value: its place among them. */
  | { kind: "step"; step: number; telling: Telling }
  /** Show where a part (0 to 1) of a profile line lies; null takes the mark away. */
  | { kind: "mark"; part: number | null; telling: Telling }
  /** Plot something else, or nothing. */
  | { kind: "plot"; what: PlotName | "" }
  /** Give the focus back to the image. */
  | { kind: "leave" };

/** What a view says of itself. */
export interface Saying {
  /** What a page's plots are to be of. */
  plot: PlotName | "";
  window: Window | null;
  /** Where the image in view lies along the dim that is none of space. */
  step: number | null;
  /** What each kind of plot would be of: the selected measurement, or the latest one. */
  profile: Measurement | null;
  curve: Measurement | null;
}

interface Letter<T> {
  /** Of the state that both share. */
  key: string;
  body: T;
}

const ASKED = "noctis-plot-asks";
const SAID = "noctis-view-says";

/** Send to every listener of a key; true if one of them took it. */
function send<T>(name: string, key: string, body: T): boolean {
  return !document.dispatchEvent(new CustomEvent<Letter<T>>(name, { detail: { key, body }, cancelable: true }));
}

/** Listen to a key; `hear` returns whether it took what came. Returns how to stop. */
function listen<T>(name: string, key: string, hear: (body: T) => boolean): () => void {
  const onLetter = (event: Event): void => {
    const letter = (event as CustomEvent<Letter<T> | null>).detail;
    if (letter?.key === key && hear(letter.body)) event.preventDefault();
  };
  document.addEventListener(name, onLetter);
  return () => document.removeEventListener(name, onLetter);
}

/** A plot's end of the link. Without a key there is none. */
export const askViews = (key: string, asking: Asking): boolean => key !== "" && send(ASKED, key, asking);
export const hearViews = (key: string, hear: (saying: Saying) => void): (() => void) =>
  listen<Saying>(SAID, key, (saying) => { hear(saying); return true; });

/** A view's end of the link. */
export const tellPlots = (key: string, saying: Saying): boolean => key !== "" && send(SAID, key, saying);
export const hearPlots = (key: string, hear: (asking: Asking) => boolean): (() => void) => listen(ASKED, key, hear);
