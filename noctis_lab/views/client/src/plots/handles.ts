/** What is dragged over a plot: the window's two limits and its middle, or the place that the view shows. */
import { el, svg } from "../ground/dom";
import { formatAtScale } from "../ground/numbers";
import type { Telling } from "../viewer/pane";
import type { Frame } from "./figure";
import { nearestIn } from "./series";

/** A vertical line that mouse and keyboard move along x. */
export interface Handle {
  name: string;
  value: number;
  /** Where they stand along x, where values count them from 0. */
  places?: readonly number[];
  /** What a screen reader says of the value. */
  words: string;
  /** Where it may go: the step of an arrow key, and the ends. */
  step: number;
  from: number;
  to: number;
  /** A limit has its grip in the middle, the others at the top, out of the data's way. */
  look: "limit" | "middle" | "place";
  move(value: number, telling: Telling): void;
}

export interface HandlesHost {
  readonly frame: Frame | null;
  /** Esc: back to the image. */
  onLeave(): void;
}

/** Keys of a slider (WAI-ARIA): steps, or null for an end. */
const KEYS: Record<string, (handle: Handle) => number> = {
  ArrowLeft: ({ value, step }) => value - step,
  ArrowDown: ({ value, step }) => value - step,
  ArrowRight: ({ value, step }) => value + step,
  ArrowUp: ({ value, step }) => value + step,
  PageDown: ({ value, step }) => value - 10 * step,
  PageUp: ({ value, step }) => value + 10 * step,
  Home: ({ from }) => from,
  End: ({ to }) => to,
};

export class Handles {
  readonly element = el("div", { class: "handles" });
  readonly #sheet = svg("svg", { class: "handles-ink", width: "100%", height: "100%", "aria-hidden": "true" });
  #handles: Handle[] = [];
  /** Between two limits, what is inside is tinted. */
  #band: [number, number] | null = null;
  #held: { index: number; pointer: number; offset: number } | null = null;
  readonly #grips: HTMLElement[] = [];

  constructor(readonly host: HandlesHost) {
    this.element.append(this.#sheet);
  }

  get isHeld(): boolean {
    return this.#held !== null;
  }

  /** Take the focus, so that arrow keys go on. */
  focus(): void {
    this.#grips[0]?.focus({ preventScroll: true });
  }

  /** Show these; their number changes only when the plot is another. */
  show(handles: Handle[], band: [number, number] | null): void {
    this.#handles = handles;
    this.#band = band;
    while (this.#grips.length > handles.length) this.#grips.pop()?.remove();
    while (this.#grips.length < handles.length) this.#grip(this.#grips.length);
    this.draw();
  }

  #grip(index: number): void {
    const grip = el("div", { class: "grip-line", role: "slider", tabindex: "0", "aria-orientation": "horizontal" }, el("span", { class: "grip" }));
    grip.addEventListener("pointerdown", (event) => this.#down(event, index));
    grip.addEventListener("pointermove", (event) => this.#move(event));
    grip.addEventListener("pointerup", () => this.#up());
    grip.addEventListener("pointercancel", () => this.#up());
    grip.addEventListener("keydown", (event) => this.#key(event, index));
    this.#grips.push(grip);
    this.element.append(grip);
  }

  /** Bring everything to where values lie now. */
  draw(): void {
    const { frame } = this.host;
    this.element.hidden = frame === null;
    if (frame === null) return;
    const x = (value: number): number => frame.left + ((value - frame.start) / (frame.end - frame.start)) * frame.width;
    const inside = (place: number): number => Math.min(Math.max(place, frame.left), frame.left + frame.width);
    this.#handles.forEach((handle, i) => {
      const grip = this.#grips[i] as HTMLElement;
      const at = x(handle.places === undefined ? handle.value : (handle.places[handle.value] ?? NaN));
      const isOut = at < frame.left - 0.5 || at > frame.left + frame.width + 0.5;
      grip.className = `grip-line ${handle.look}${isOut ? " out" : ""}`;
      grip.style.left = `${inside(at)}px`;
      grip.style.top = `${frame.top}px`;
      grip.style.height = `${frame.height}px`;
      grip.setAttribute("aria-label", handle.name);
      grip.setAttribute("aria-valuenow", String(handle.value));
      grip.setAttribute("aria-valuemin", String(handle.from));
      grip.setAttribute("aria-valuemax", String(handle.to));
      grip.setAttribute("aria-valuetext", handle.words);
    });
    const [low, high] = this.#band === null ? [0, 0] : [inside(x(this.#band[0])), inside(x(this.#band[1]))];
    this.#sheet.replaceChildren(...(this.#band === null ? [] : [svg("rect", { class: "inside", x: low, y: frame.top, width: Math.max(high - low, 0), height: frame.height })]));
  }

  /** The value under a place on the screen. */
  valueAt(clientX: number): number | null {
    const { frame } = this.host;
    if (frame === null) return null;
    const x = clientX - this.element.getBoundingClientRect().left;
    return frame.start + ((x - frame.left) / frame.width) * (frame.end - frame.start);
  }

  #down(event: PointerEvent, index: number): void {
    const [handle, value] = [this.#handles[index], this.valueAt(event.clientX)];
    if (event.button !== 0 || handle === undefined || value === null) return;
    const grip = this.#grips[index] as HTMLElement;
    grip.setPointerCapture(event.pointerId);
    grip.focus({ preventScroll: true });
    this.#held = { index, pointer: event.pointerId, offset: handle.places === undefined ? value - handle.value : 0 };
    event.preventDefault();
    event.stopPropagation();
  }

  #move(event: PointerEvent): void {
    const value = this.valueAt(event.clientX);
    if (this.#held === null || this.#held.pointer !== event.pointerId || value === null) return;
    const handle = this.#handles[this.#held.index];
    handle?.move(bounded(handle.places === undefined ? value - this.#held.offset : nearestIn(handle.places, value), handle), "not yet");
  }

  #up(): void {
    const handle = this.#held === null ? undefined : this.#handles[this.#held.index];
    this.#held = null;
    handle?.move(handle.value, "now");
  }

  #key(event: KeyboardEvent, index: number): void {
    const handle = this.#handles[index];
    if (event.altKey || event.ctrlKey || event.metaKey || handle === undefined) return;
    if (event.key === "Escape") this.host.onLeave();
    else {
      const moved = KEYS[event.key]?.(event.shiftKey ? { ...handle, step: handle.step * 10 } : handle);
      if (moved === undefined) return;
      handle.move(bounded(moved, handle), "rest");
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

const bounded = (value: number, { from, to }: Pick<Handle, "from" | "to">): number => Math.min(Math.max(value, from), to);

/** "−12 HU". */
export const inWords = (value: number, scale: number, units: string | null): string => `${formatAtScale(value, scale)}${units ? ` ${units}` : ""}`;
