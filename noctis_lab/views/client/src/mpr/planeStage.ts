/** What stands around a plane's image: its name, what is said of it, letters, scale, the slab's switch. */
import { BadgeNotes } from "../ground/badgeNotes";
import type { Badge } from "../ground/badges";
import { el, svg } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import { letters } from "../viewer/geometry";
import { scaleBarLength } from "../viewer/stage";
import type { PlaneFrame, PlaneName } from "./model";
import type { Projection } from "./slab";
import { scaled, type Vector } from "./vectors";

export const PROJECTIONS: readonly { how: Projection; name: string }[] = [
  { how: "max", name: "MIP" }, { how: "mean", name: "Mean" }, { how: "min", name: "MinIP" },
];

export const projectionName = (how: Projection): string => PROJECTIONS.find((item) => item.how === how)?.name ?? "";

export const titleOf = (name: PlaneName): string => name.charAt(0).toUpperCase() + name.slice(1);

export interface PlaneStageEvents {
  /** null: no slab. */
  onProjection(how: Projection | null): void;
  onMaximise(): void;
}

export class PlaneStage {
  readonly canvas = el("canvas", { "aria-hidden": true });
  readonly element: HTMLElement;
  readonly #words = el("span");
  readonly notes = new BadgeNotes();
  readonly #letters = {
    left: el("div", { class: "ol left" }), right: el("div", { class: "ol right" }),
    top: el("div", { class: "ol top" }), bottom: el("div", { class: "ol bottom" }),
  };
  readonly #scale = svg("svg", { class: "scale", "aria-hidden": true });
  readonly #notice = el("div", { class: "notice", hidden: true });
  /** What could not be had, with a way to ask for it again. */
  readonly #missing = el("div", { class: "missing", role: "status", hidden: true });
  readonly #switch: HTMLElement;
  readonly #header: HTMLElement;
  readonly #window = el("div", { class: "ct bl" });
  #missingKey = "";
  #on = "";
  #barKey = "";
  #letterKey = "";

  constructor(readonly name: PlaneName, over: SVGElement, events: PlaneStageEvents) {
    this.#header = el("div", { class: "ct tl plane-head" }, el("div", { class: "row g2" },
      el("span", { class: `swatch ${name}` }), el("b", {}, titleOf(name)), this.#words), this.notes.element);
    const button = (label: string, how: Projection | null): HTMLElement =>
      el("button", { class: "opt", "data-how": how ?? "off", "aria-pressed": "false", click: () => events.onProjection(how) }, label);
    this.#switch = el("div", { class: "seg", role: "group", "aria-label": `Slab of the ${name} plane` },
      ...PROJECTIONS.map(({ how, name: label }) => button(label, how)), button("Off", null));
    const tools = el("div", { class: "plane-tools" }, this.#switch,
      el("button", { class: "ib s", "aria-label": "Show this plane alone", title: "Show this plane alone (double click)", click: () => events.onMaximise() }, icon("expand", "s")));
    this.element = el("div", {
      class: `stage plane ${name}`, "data-theme": "dark", "data-plane": name, tabindex: 0, role: "application",
      "aria-label": `${titleOf(name)} plane. Press ? for the keys.`,
    }, this.canvas, over, this.#header, this.#window, ...Object.values(this.#letters), this.#scale, tools, this.#missing, this.#notice);
  }

  get head(): HTMLElement {
    return this.#header;
  }

  /** Write the badges: facts in few words, a sentence at a click. */
  badges(badges: readonly Badge[]): void {
    this.notes.set("volume", badges);
  }

  closeNote(): boolean {
    return this.notes.close();
  }

  /** Write what the plane is: where, how oblique, how thick. */
  caption(words: string, { slab_mm, projection }: PlaneFrame, window_: string): void {
    if (this.#words.textContent !== words) this.#words.textContent = words;
    if (this.#window.textContent !== window_) this.#window.textContent = window_;
    const on = slab_mm > 0 ? projection : "off";
    if (on === this.#on) return;
    this.#on = on;
    this.element.classList.toggle("slab", slab_mm > 0);
    for (const button of this.#switch.querySelectorAll<HTMLElement>("button")) {
      button.classList.toggle("on", button.dataset["how"] === on);
      button.setAttribute("aria-pressed", String(button.dataset["how"] === on));
    }
  }

  /** Say what is missing, and why; null takes it back. */
  missing(said: { words: string; why: string } | null, retry: () => void): void {
    const key = said === null ? "" : `${said.words}\n${said.why}`;
    if (key === this.#missingKey) return;
    this.#missingKey = key;
    this.#missing.hidden = said === null;
    if (said === null) return;
    this.#missing.title = said.why;
    this.#missing.replaceChildren(icon("fail", "s"), el("span", {}, said.words), el("button", { class: "btn s", click: retry }, "Try again"));
  }

  letters(right: Vector, down: Vector): void {
    const key = [...right, ...down].join();
    if (key === this.#letterKey) return;
    this.#letterKey = key;
    const { left, right: east, top, bottom } = this.#letters;
    const named = (direction: Vector): string => letters([...direction] as [number, number, number]);
    [east.textContent, left.textContent] = [named(right), named(scaled(right, -1))];
    [bottom.textContent, top.textContent] = [named(down), named(scaled(down, -1))];
  }

  /** Draw a bar of whole centimetres; `scale` is CSS px per mm. */
  bar(scale: number, width: number): void {
    const key = `${scale} ${width}`;
    if (key === this.#barKey) return;
    this.#barKey = key;
    const length_mm = scaleBarLength(scale, Math.min(width * 0.24, 240));
    this.#scale.replaceChildren();
    if (length_mm === null) return;
    const size = length_mm * scale;
    this.#scale.setAttribute("width", String(size + 52));
    const shape = `M48 7v6h${size}v-6`;
    this.#scale.append(svg("path", { d: shape, class: "halo" }), svg("path", { d: shape }),
      svg("text", { x: 42, y: 13, "text-anchor": "end" }, `${formatNumber(length_mm / 10, 0)} cm`));
  }

  /** Say in words why there is no image; null takes it back. */
  notice(title: string | null, words = "", retry: (() => void) | null = null): void {
    if (title === null && this.#notice.hidden) return;
    this.#notice.hidden = title === null;
    this.#notice.replaceChildren();
    if (title === null) return;
    this.#notice.append(
      el("div", { class: retry ? "fail-ink" : "t3" }, icon(retry ? "fail" : "unknown")), el("div", { class: "f14 b" }, title), el("div", { class: "t2" }, words),
      ...(retry ? [el("button", { class: "btn s", click: retry }, icon("refresh", "s"), "Try again")] : []));
  }
}
