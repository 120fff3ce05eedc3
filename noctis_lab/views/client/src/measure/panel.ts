/** The measurements of the series in view: a list, the selected one unfolded, ways out as CSV and Python. */
import { copyText } from "../ground/clipboard";
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Measuring } from "./measuring";
import { Row, type RowHost } from "./row";
import type { Measurement } from "./shapes";
import { csvOf } from "./table";

export interface PanelHost extends RowHost {
  /** The series whose measurements are listed. */
  readonly SeriesInstanceUID: string;
  /** Another text for another state of the series. */
  readonly seriesState: string;
  /** The list in Python. */
  readonly python: string;
  onSay(words: string): void;
}

export class MeasurementsPanel {
  readonly element: HTMLElement;
  readonly #count = el("span", { class: "t3 f12" });
  readonly #unsaved = el("button", { class: "badge fail", hidden: true, click: () => this.measuring.store.retry() });
  readonly #list = el("div", { class: "mlist", role: "list", "aria-label": "Measurements of this series" });
  readonly #empty = el("div", { class: "empty" }, "Nothing is measured in this series. Press e for an ellipse, s for a length, ? for all keys.");
  readonly #ways: HTMLButtonElement[];
  readonly #rows = new Map<string, Row>();

  constructor(readonly measuring: Measuring, readonly host: PanelHost) {
    const way = (name: string, shape: "code" | "download", run: () => void): HTMLButtonElement =>
      el("button", { class: "ib s", "aria-label": name, title: name, click: run }, icon(shape, "s"));
    this.#ways = [way("Copy the list as Python", "code", () => this.#copy()), way("Export the list as CSV", "download", () => this.#export())];
    this.element = el("section", { class: "mpanel", "aria-label": "Measurements" },
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Measurements"), this.#count, el("span", { class: "grow" }), this.#unsaved, ...this.#ways),
      this.#list, this.#empty, el("div", { class: "hr" }));
  }

  get #measurements(): Measurement[] {
    const { selected } = this.measuring;
    return this.measuring.store.ofSeries(this.host.SeriesInstanceUID)
      .map((item) => (item.MeasurementUID === selected?.MeasurementUID ? selected : item));
  }

  refresh(): void {
    const found = this.#measurements;
    this.#count.textContent = found.length > 0 ? String(found.length) : "";
    this.#empty.hidden = found.length > 0;
    for (const way of this.#ways) way.disabled = found.length === 0;
    const kept = new Set(found.map((item) => item.MeasurementUID));
    for (const [uid, row] of this.#rows) {
      if (kept.has(uid)) continue;
      const hadFocus = row.element.matches(":focus-within");
      const next = row.element.nextElementSibling ?? row.element.previousElementSibling;
      row.element.remove();
      this.#rows.delete(uid);
      if (hadFocus) next?.querySelector<HTMLElement>("button")?.focus();
    }
    const { selected, store } = this.measuring;
    const series = this.host.seriesState;
    found.forEach((item, i) => {
      const uid = item.MeasurementUID;
      const row = this.#rows.get(uid) ?? new Row(this.host, item);
      this.#rows.set(uid, row);
      if (this.#list.children[i] !== row.element) this.#list.insertBefore(row.element, this.#list.children[i] ?? null);
      row.update(item, uid === selected?.MeasurementUID, store.stateOf(uid), series);
    });
    this.#showUnsaved();
  }

  #showUnsaved(): void {
    const { unsaved } = this.measuring.store;
    this.#unsaved.hidden = unsaved.length === 0;
    if (unsaved.length === 0) return;
    this.#unsaved.replaceChildren(icon("fail", "xs"), el("span", {}, `${unsaved.length} not saved`));
    this.#unsaved.title = `${unsaved[0]?.words ?? ""} Press to try again.`;
    this.#unsaved.setAttribute("aria-label", `${unsaved.length} not saved. ${this.#unsaved.title}`);
  }

  /** Bring a measurement's row into view. */
  reveal(uid: string | null): void {
    const row = uid === null ? undefined : this.#rows.get(uid);
    row?.element.scrollIntoView({ block: "nearest" });
  }

  #copy(): void {
    void copyText(this.host.python).then((isDone) => this.host.onSay(isDone ? "Copied" : "This browser allows no copying here"));
  }

  #export(): void {
    const address = URL.createObjectURL(new Blob([csvOf(this.#measurements)], { type: "text/csv;charset=utf-8" }));
    const link = el("a", { href: address, download: "measurements.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
}
