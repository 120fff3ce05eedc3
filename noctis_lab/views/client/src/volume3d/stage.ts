/** What stands around a volume's picture: what it is, the switch of how it is drawn, letters, box, scale. */
import { BadgeNotes } from "../ground/badgeNotes";
import type { Badge } from "../ground/badges";
import { el, svg } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import { scaled, type Vector } from "../mpr/vectors";
import { letters } from "../viewer/geometry";
import { scaleBarLength } from "../viewer/stage";
import { type Mode, MODES } from "./state";

export interface VolumeStageEvents {
  onMode(mode: Mode): void;
  onMaximise(): void;
  onSettings(): void;
}

export class VolumeStage {
  readonly canvas = el("canvas", { "aria-hidden": true });
  readonly element: HTMLElement;
  readonly head: HTMLElement;
  readonly #title = el("b", {}, "Volume");
  readonly #words = el("span");
  readonly #notes = new BadgeNotes();
  readonly #quality = el("div", { class: "ct bl quality" });
  readonly #letters = {
    left: el("div", { class: "ol left" }), right: el("div", { class: "ol right" }),
    top: el("div", { class: "ol top" }), bottom: el("div", { class: "ol bottom" }),
  };
  readonly #scale = svg("svg", { class: "scale", "aria-hidden": true });
  readonly #notice = el("div", { class: "notice", hidden: true });
  readonly #switch: HTMLElement;
  readonly settings = el("button", { class: "ib s", "aria-label": "Settings of the volume", title: "Presets, threshold, box, surfaces" }, icon("window", "s"));
  #key = "";

  /** `over` lies above the picture. */
  constructor(over: readonly SVGElement[], events: VolumeStageEvents) {
    this.head = el("div", { class: "ct tl plane-head" }, el("div", { class: "row g2" }, this.#title, this.#words), this.#notes.element);
    this.#switch = el("div", { class: "seg", role: "group", "aria-label": "How the volume is drawn" },
      ...MODES.map(({ mode, name }) => el("button", { class: "opt", "data-mode": mode, "aria-pressed": "false", click: () => events.onMode(mode) }, name)));
    this.settings.addEventListener("click", () => events.onSettings());
    const tools = el("div", { class: "plane-tools" }, this.#switch, this.settings,
      el("button", { class: "ib s", "aria-label": "Show the volume alone", title: "Show the volume alone (double click)", click: () => events.onMaximise() }, icon("expand", "s")));
    this.element = el("div", {
      class: "stage volume3d", "data-theme": "dark", "data-plane": "volume", tabindex: 0, role: "application", "aria-label": "Volume. Press ? for the keys.",
    }, this.canvas, ...over, this.head, this.#quality, ...Object.values(this.#letters), this.#scale, tools, this.#notice);
  }

  badges(badges: readonly Badge[]): void {
    this.#notes.set("volume", badges);
  }

  closeNote(): boolean {
    return this.#notes.close();
  }

  /** Write what is drawn, and how finely. */
  caption(mode: Mode, words: string, quality: string): void {
    this.#title.textContent = MODES.find((item) => item.mode === mode)?.name ?? "";
    this.#words.textContent = words;
    this.#quality.textContent = quality;
    for (const button of this.#switch.querySelectorAll<HTMLElement>("button")) {
      button.classList.toggle("on", button.dataset["mode"] === mode);
      button.setAttribute("aria-pressed", String(button.dataset["mode"] === mode));
    }
  }

  /** Write the patient's letters at the edges, and a bar of whole centimetres; `scale` is CSS px per mm. */
  around(right: Vector, down: Vector, scale: number, width: number): void {
    const key = [...right, ...down, scale, width].join();
    if (key === this.#key) return;
    this.#key = key;
    const { left, right: east, top, bottom } = this.#letters;
    const named = (direction: Vector): string => letters([...direction] as [number, number, number]);
    [east.textContent, left.textContent] = [named(right), named(scaled(right, -1))];
    [bottom.textContent, top.textContent] = [named(down), named(scaled(down, -1))];
    this.#scale.replaceChildren();
    const length_mm = scaleBarLength(scale, Math.min(width * 0.24, 240));
    if (length_mm === null) return;
    const size = length_mm * scale;
    this.#scale.setAttribute("width", String(size + 52));
    const shape = `M48 7v6h${size}v-6`;
    this.#scale.append(svg("path", { d: shape, class: "halo" }), svg("path", { d: shape }),
      svg("text", { x: 42, y: 13, "text-anchor": "end" }, `${formatNumber(length_mm / 10, 0)} cm`));
  }

  /** Say in words why there is no picture; null takes it back. */
  notice(title: string | null, words = "", retry: (() => void) | null = null): void {
    this.#notice.hidden = title === null;
    this.#notice.replaceChildren();
    if (title === null) return;
    this.#notice.append(
      el("div", { class: retry ? "fail-ink" : "t3" }, icon(retry ? "fail" : "unknown")), el("div", { class: "f14 b" }, title), el("div", { class: "t2" }, words),
      ...(retry ? [el("button", { class: "btn s", click: retry }, icon("refresh", "s"), "Try again")] : []));
  }
}
