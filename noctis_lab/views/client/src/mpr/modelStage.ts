/** What stands around the picture of a volume, a plane through it or the view from outside: name, badges, letters, scale, notices. */
import { BadgeNotes } from "../ground/badgeNotes";
import type { Badge } from "../ground/badges";
import { el, svg } from "../ground/dom";
import { icon } from "../ground/icons";
import { Made } from "../ground/made";
import { Notice } from "../ground/notice";
import { formatNumber } from "../ground/numbers";
import { letters } from "../viewer/geometry";
import { scaleBarLength } from "../viewer/stage";
import { scaled, type Vector } from "./vectors";

/** What one of them has of its own. */
export interface StageParts {
  /** Classes of the element. */
  class: string;
  /** What the pane shows: `data-plane`. */
  plane: string;
  label: string;
  /** Above the picture. */
  over: readonly SVGElement[];
  /** Before the badges. */
  head: readonly HTMLElement[];
  /** At the bottom left. */
  corner: HTMLElement;
  /** At the top right, before the button that shows it alone. */
  tools: readonly HTMLElement[];
  alone: string;
  onMaximise(): void;
}

export class ModelStage {
  readonly canvas = el("canvas", { "aria-hidden": true });
  readonly element: HTMLElement;
  readonly head: HTMLElement;
  readonly notes = new BadgeNotes();
  readonly #letters = {
    left: el("div", { class: "ol left" }), right: el("div", { class: "ol right" }),
    top: el("div", { class: "ol top" }), bottom: el("div", { class: "ol bottom" }),
  };
  readonly #scale = svg("svg", { class: "scale", "aria-hidden": true });
  readonly #notice = new Notice();
  /** What could not be had, with a way to ask for it again. */
  readonly #missing = el("div", { class: "missing", role: "status", hidden: true });
  readonly #made = { letters: new Made(), scale: new Made(), missing: new Made() };

  constructor({ class: classes, plane, label, over, head, corner, tools, alone, onMaximise }: StageParts) {
    this.head = el("div", { class: "ct tl plane-head" }, el("div", { class: "row g2" }, ...head), this.notes.element);
    const bar = el("div", { class: "plane-tools" }, ...tools, el("button", { class: "ib s", "aria-label": alone, title: `${alone} (double click)`, click: onMaximise }, icon("expand", "s")));
    this.element = el("div", {
      class: `stage ${classes}`, "data-theme": "dark", "data-plane": plane, tabindex: 0, role: "application", "aria-label": `${label}. Press ? for the keys.`,
    }, this.canvas, ...over, this.head, corner, ...Object.values(this.#letters), this.#scale, bar, this.#missing, this.#notice.element);
  }

  /** Write the badges: facts in few words, a sentence at a click. */
  badges(badges: readonly Badge[]): void {
    this.notes.set("volume", badges);
  }

  closeNote(): boolean {
    return this.notes.close();
  }

  /** Write the patient's letters at the edges. */
  letters(right: Vector, down: Vector): void {
    if (!this.#made.letters.isNew(...right, ...down)) return;
    const { left, right: east, top, bottom } = this.#letters;
    const named = (direction: Vector): string => letters([...direction] as [number, number, number]);
    [east.textContent, left.textContent] = [named(right), named(scaled(right, -1))];
    [bottom.textContent, top.textContent] = [named(down), named(scaled(down, -1))];
  }

  /** Draw a bar of whole centimetres; `scale` is CSS px per mm. */
  bar(scale: number, width: number): void {
    if (!this.#made.scale.isNew(scale, width)) return;
    const length_mm = scaleBarLength(scale, Math.min(width * 0.24, 240));
    this.#scale.replaceChildren();
    if (length_mm === null) return;
    const size = length_mm * scale;
    this.#scale.setAttribute("width", String(size + 52));
    const shape = `M48 7v6h${size}v-6`;
    this.#scale.append(svg("path", { d: shape, class: "halo" }), svg("path", { d: shape }),
      svg("text", { x: 42, y: 13, "text-anchor": "end" }, `${formatNumber(length_mm / 10, 0)} cm`));
  }

  /** Say what is missing, and why; null takes it back. */
  missing(said: { words: string; why: string } | null, retry: (() => void) | null = null): void {
    if (!this.#made.missing.isNew(said?.words, said?.why, retry === null)) return;
    this.#missing.hidden = said === null;
    if (said === null) return;
    this.#missing.title = said.why;
    this.#missing.replaceChildren(icon("fail", "s"), el("span", {}, said.words), ...(retry ? [el("button", { class: "btn s", click: retry }, "Try again")] : []));
  }

  /** Say in words why there is no image; null takes it back. */
  notice(title: string | null, words = "", retry: (() => void) | null = null): void {
    this.#notice.say(title, words, retry);
  }
}

/** A row of choices of which one is on. */
export class Choice<Value extends string> {
  readonly element: HTMLElement;
  readonly #buttons: Map<Value, HTMLElement>;
  #on: Value | null = null;

  constructor(label: string, attribute: string, choices: readonly { value: Value; name: string }[], onChosen: (value: Value) => void) {
    this.#buttons = new Map(choices.map(({ value, name }) =>
      [value, el("button", { class: "opt", [attribute]: value, "aria-pressed": "false", click: () => onChosen(value) }, name)]));
    this.element = el("div", { class: "seg", role: "group", "aria-label": label }, ...this.#buttons.values());
  }

  show(on: Value): void {
    if (on === this.#on) return;
    this.#on = on;
    for (const [value, button] of this.#buttons) {
      button.classList.toggle("on", value === on);
      button.setAttribute("aria-pressed", String(value === on));
    }
  }
}

/** Write a text where it is another one. */
export function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
