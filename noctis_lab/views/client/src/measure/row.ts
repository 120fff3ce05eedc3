/** One measurement in the list; the selected one is unfolded. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { plotOf } from "./plots";
import { factsOf, LONGEST_LABEL, type Measurement } from "./shapes";
import type { Saving } from "./store";
import { detailsOf, figureLines, titleOf } from "./words";

export interface RowHost {
  /** "image 3", or what else says where it lies. */
  placeOf(measurement: Measurement): string;
  onSelect(measurement: Measurement): void;
  onRename(measurement: Measurement, label: string): void;
  onDelete(measurement: Measurement): void;
  /** Back to the image. */
  onLeave(): void;
}

export class Row {
  readonly element: HTMLElement;
  #measurement: Measurement;
  readonly #title = el("span", { class: "m ell" });
  readonly #place = el("span", { class: "f12 t3 ell" });
  readonly #figure = el("span", { class: "m nowrap" });
  readonly #state = el("span", { class: "f11" });
  readonly #head: HTMLButtonElement;
  readonly #unfolded = el("div", { class: "munfold", hidden: true });
  readonly #details = el("div", { class: "mstats" });
  readonly #note = el("div", { class: "f12 warn-ink", hidden: true });
  readonly #plot = el("div", { class: "mplot" });
  readonly #label = el("input", { maxlength: LONGEST_LABEL, placeholder: "Label", "aria-label": "Label" });
  #key = "";
  #isFilled = false;
  #plotted: unknown = null;

  constructor(readonly host: RowHost, measurement: Measurement) {
    this.#measurement = measurement;
    const facts = factsOf(measurement.kind);
    this.#head = el("button", { class: "ms", "aria-expanded": "false", click: () => host.onSelect(this.#measurement) },
      icon(facts.icon), el("span", { class: "col mname" }, this.#title, this.#place), el("span", { class: "col mfig" }, this.#figure, this.#state));
    this.element = el("div", { class: "mrow", role: "listitem" }, this.#head, this.#unfolded);
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.#label.addEventListener("change", () => this.#rename());
    this.#label.addEventListener("keydown", (event) => this.#onLabelKey(event));
  }

  /** `series` tells one state of the series from another: places are those of one. */
  update(measurement: Measurement, isSelected: boolean, saving: Saving, series: string): void {
    const key = [isSelected, saving, series].join();
    if (measurement === this.#measurement && key === this.#key) return;
    this.#key = key;
    this.#measurement = measurement;
    this.element.classList.toggle("on", isSelected);
    this.#head.setAttribute("aria-expanded", String(isSelected));
    this.#title.textContent = titleOf(measurement);
    const kind = measurement.label === "" ? "" : factsOf(measurement.kind).name;
    this.#place.textContent = [kind, this.host.placeOf(measurement)].filter((part) => part !== "").join(" · ");
    this.#figure.textContent = figureLines(measurement)[0] ?? "";
    this.#state.textContent = saving === "failed" ? "not saved" : "";
    this.#state.className = saving === "failed" ? "f11 fail-ink" : "f11 t3";
    this.element.dataset["saving"] = saving;
    this.#unfolded.hidden = !isSelected;
    if (isSelected) this.#unfold(measurement);
  }

  #unfold(measurement: Measurement): void {
    if (!this.#isFilled) {
      this.#isFilled = true;
      const remove = el("button", { class: "btn s d", click: () => this.host.onDelete(this.#measurement) }, icon("delete", "s"), "Delete");
      this.#unfolded.append(this.#details, this.#note, this.#plot,
        el("div", { class: "row g2" }, el("label", { class: "input s grow" }, this.#label), remove));
    }
    const root = this.element.getRootNode() as Document | ShadowRoot;
    if (root.activeElement !== this.#label) this.#label.value = measurement.label;
    this.#details.replaceChildren(...detailsOf(measurement).map(([name, figure]) =>
      el("div", {}, el("span", { class: "f11 t3" }, name), el("span", { class: "m" }, figure))));
    this.#details.hidden = this.#details.childElementCount === 0;
    this.#note.hidden = measurement.values.clipped !== true;
    this.#note.textContent = "It reaches beyond the image: the statistics are of the part inside.";
    const drawn = measurement.values.samples ?? measurement.values.histogram;
    if (drawn === undefined || drawn === this.#plotted) return; // under the mouse the last one stays
    this.#plotted = drawn;
    this.#plot.replaceChildren(...[plotOf(measurement.values)].filter((plot) => plot !== null));
  }

  #rename(): void {
    this.host.onRename(this.#measurement, this.#label.value.trim());
  }

  #onLabelKey(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.key === "Enter") {
      this.#rename();
      this.host.onLeave();
    } else if (event.key === "Escape") {
      this.#label.value = this.#measurement.label;
      this.#head.focus();
    }
  }

  #onKey(event: KeyboardEvent): void {
    const rows = [...(this.element.parentElement?.children ?? [])];
    const next = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.target === this.#head && (event.key === "Delete" || event.key === "Backspace")) this.host.onDelete(this.#measurement);
    else if (event.target === this.#head && event.key === "Escape") this.host.onLeave();
    else if (event.target === this.#head && next !== undefined) {
      rows[rows.indexOf(this.element) + next]?.querySelector<HTMLElement>("button")?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
