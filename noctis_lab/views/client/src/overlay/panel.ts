/** The section of the overlay: what lies over the series, how it is drawn, its segments one by one. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { OverlayDescription, ShownSegment } from "./source";
import { type OverlayState, type Style, STYLES } from "./state";

const STYLE_NAMES: Record<Style, string> = { both: "Both", fill: "Fill", outline: "Outline" };

export interface PanelHost {
  readonly how: OverlayState;
  readonly listed: readonly OverlayDescription[];
  chosen(): OverlayDescription | null;
  set(change: Partial<OverlayState>): void;
  toggle(): void;
  toggleSegment(number: number): void;
}

export class OverlayPanel {
  readonly element: HTMLElement;
  readonly #count = el("span", { class: "t3 f12" });
  readonly #eye: HTMLButtonElement;
  readonly #select = el("select", { "aria-label": "What lies over the images" });
  readonly #choice = el("label", { class: "num" }, this.#select);
  readonly #words = el("div", { class: "f12 t2 words", hidden: true });
  readonly #slider = el("input", { type: "range", min: 0, max: 100, step: 5, "aria-label": "Opacity" });
  readonly #percent = el("span", { class: "t3 f12 percent" });
  readonly #styles: HTMLElement;
  readonly #how: HTMLElement;
  readonly #list = el("div", { class: "oslist", role: "group", "aria-label": "Segments" });
  #described: OverlayDescription | null = null;
  #options = "";

  constructor(readonly host: PanelHost) {
    this.#eye = el("button", { class: "ib s", "aria-label": "Show the overlay", title: "Show or hide (⇧ O)", click: () => host.toggle() }, icon("eye", "s"));
    this.#styles = el("div", { class: "seg", role: "group", "aria-label": "How segments are drawn" }, ...STYLES.map((style) =>
      el("button", { class: "opt", "data-style": style, click: () => host.set({ style }) }, STYLE_NAMES[style])));
    const all = (name: string, hidden: () => number[]): HTMLElement => el("button", { class: "btn s q", click: () => host.set({ hidden: hidden() }) }, name);
    this.#how = el("div", { class: "col g2" },
      el("div", { class: "row g2" }, el("span", { class: "t3 f12" }, "Opacity"), this.#slider, this.#percent),
      el("div", { class: "row g2" }, this.#styles, el("span", { class: "grow" }), all("All", () => []), all("None", () => this.#numbers())));
    this.element = el("section", { class: "overlays", "aria-label": "Overlay", hidden: true },
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Overlay"), this.#count, el("span", { class: "grow" }), this.#eye),
      el("div", { class: "sec col g2" }, this.#choice, this.#words, this.#how), this.#list, el("div", { class: "hr" }));
    this.#slider.addEventListener("input", () => host.set({ opacity: Number(this.#slider.value) / 100 }));
    this.#select.addEventListener("change", () => host.set({ overlay: this.#select.value, shown: true }));
    for (const input of [this.#slider, this.#select] as HTMLElement[]) input.addEventListener("keydown", (event) => { if (event.key !== "Escape") event.stopPropagation(); });
  }

  #numbers(): number[] {
    return (this.host.chosen()?.segments ?? []).map(({ number }) => number).sort((a, b) => a - b);
  }

  refresh(): void {
    const { listed, how } = this.host;
    const chosen = this.host.chosen();
    this.element.hidden = listed.length === 0;
    this.#eye.classList.toggle("on", how.shown);
    this.#eye.setAttribute("aria-pressed", String(how.shown));
    this.#fillChoice(listed, chosen);
    this.#count.textContent = chosen && chosen.refusal === null ? String(chosen.segments.length) : "";
    const words = chosen?.refusal ?? chosen?.note ?? null;
    this.#words.hidden = words === null;
    this.#words.textContent = words;
    this.#how.hidden = chosen === null || chosen.refusal !== null;
    if (document.activeElement !== this.#slider) this.#slider.value = String(Math.round(how.opacity * 100));
    this.#percent.textContent = `${Math.round(how.opacity * 100)} %`;
    for (const button of this.#styles.querySelectorAll<HTMLElement>("button")) {
      button.classList.toggle("on", button.dataset["style"] === how.style);
      button.setAttribute("aria-pressed", String(button.dataset["style"] === how.style));
    }
    this.#showSegments(chosen, new Set(how.hidden));
    this.#list.classList.toggle("off", !how.shown);
  }

  #fillChoice(listed: readonly OverlayDescription[], chosen: OverlayDescription | null): void {
    const options = JSON.stringify(listed.map(({ overlay, name, refusal }) => [overlay, name, refusal]));
    if (options !== this.#options) {
      this.#options = options;
      const names = listed.map(({ name }) => name);
      this.#select.replaceChildren(...listed.map(({ overlay, name, refusal }, i) => {
        const same = names.slice(0, i).filter((other) => other === name).length;
        return el("option", { value: overlay }, `${name}${same > 0 ? ` (${same + 1})` : ""}${refusal === null ? "" : ", not shown"}`);
      }));
    }
    this.#choice.hidden = listed.length === 0;
    this.#select.value = chosen?.overlay ?? "";
  }

  #showSegments(chosen: OverlayDescription | null, hidden: ReadonlySet<number>): void {
    if (chosen !== this.#described) {
      this.#described = chosen;
      this.#list.replaceChildren(...(chosen?.refusal === null ? chosen.segments : []).map((segment) => this.#row(segment)));
    }
    for (const row of this.#list.querySelectorAll<HTMLElement>("button")) {
      const isShown = !hidden.has(Number(row.dataset["number"]));
      row.setAttribute("aria-pressed", String(isShown));
    }
  }

  #row({ number, label, color, meaning }: ShownSegment): HTMLElement {
    const swatch = el("span", { class: "oswatch" });
    swatch.style.setProperty("--segment", /^#[0-9a-f]{6}$/i.test(color) ? color : "transparent");
    const said = meaning && meaning !== label ? `${label}: ${meaning}` : label;
    return el("button", { class: "oseg", "data-number": number, title: `${said}. Show or hide`, click: () => this.host.toggleSegment(number) },
      swatch, el("span", { class: "grow ell" }, label), el("span", { class: "t3 f12" }, number), icon("eye", "s"));
  }
}
