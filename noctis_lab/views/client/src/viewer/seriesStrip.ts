/** The strip of the study's series: thumbnails, counts, badges; PgUp and PgDn step through it. */
import { badgeIcon } from "../ground/badges";
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { SeriesSummary } from "../ground/transport";

/** Where the strip learns the series of a study from: HTTP has it, a notebook's channel does not. */
export interface SeriesSource {
  series(signal?: AbortSignal): Promise<SeriesSummary[]>;
  thumbnailPath(SeriesInstanceUID: string): string;
}

/** A series on its way from the strip to a pane: its SeriesInstanceUID. */
export const DRAGGED_SERIES = "application/x-noctis-series";

export class SeriesStrip {
  readonly element: HTMLElement;
  readonly #list = el("div", { class: "strip-list", role: "listbox", "aria-label": "Series of this study" });
  #series: SeriesSummary[] = [];
  #current = "";
  /** What the other panes show. */
  #others: readonly string[] = [];

  constructor(readonly source: SeriesSource, readonly onOpen: (SeriesInstanceUID: string) => void) {
    this.element = el("aside", { class: "panel strip" }, this.#list,
      el("div", { class: "row g2 f12 t3 strip-keys" }, el("span", { class: "kbd" }, "PgUp"), el("span", { class: "kbd" }, "PgDn"), el("span", { class: "wide" }, "series")));
    void this.#load();
  }

  /** Mark the active pane's series, and those of the other panes. */
  select(SeriesInstanceUID: string, others: readonly string[] = []): void {
    this.#current = SeriesInstanceUID;
    this.#others = others;
    for (const item of this.#list.querySelectorAll<HTMLElement>(".th")) {
      const isOn = item.dataset["uid"] === SeriesInstanceUID;
      item.classList.toggle("on", isOn);
      item.classList.toggle("shown", !isOn && others.includes(item.dataset["uid"] ?? ""));
      item.setAttribute("aria-selected", String(isOn));
      if (isOn) item.scrollIntoView({ block: "nearest" });
    }
  }

  step(count: 1 | -1): void {
    const at = this.#series.findIndex((item) => item.SeriesInstanceUID === this.#current);
    const next = this.#series[at + count];
    if (next) this.onOpen(next.SeriesInstanceUID);
  }

  /** Return the first series with images that is in no pane yet; empty where there is none. */
  next(taken: readonly string[]): string {
    return this.#series.find((item) => item.image_count > 0 && !taken.includes(item.SeriesInstanceUID))?.SeriesInstanceUID ?? "";
  }

  async #load(): Promise<void> {
    try {
      this.#series = await this.source.series();
    } catch (error) {
      this.#list.replaceChildren(el("div", { class: "empty" }, error instanceof Error ? error.message : String(error),
        el("button", { class: "btn s", click: () => void this.#load() }, icon("refresh", "s"), "Try again")));
      return;
    }
    this.#list.replaceChildren(...this.#series.map((item) => this.#item(item)));
    if (this.#current === "" && this.#series[0]) this.onOpen(this.#series[0].SeriesInstanceUID);
    else this.select(this.#current, this.#others);
  }

  #item(series: SeriesSummary): HTMLElement {
    const name = series.SeriesDescription ?? series.Modality ?? "Series";
    const picture = series.image_count > 0
      ? el("div", { class: "im" }, el("img", { src: this.source.thumbnailPath(series.SeriesInstanceUID), alt: "", loading: "lazy", decoding: "async" }))
      : el("div", { class: "im none" }, icon("document"));
    const drag = (event: Event): void => (event as DragEvent).dataTransfer?.setData(DRAGGED_SERIES, series.SeriesInstanceUID);
    return el("button", {
      class: "th", role: "option", "data-uid": series.SeriesInstanceUID, draggable: "true", dragstart: drag, click: () => this.onOpen(series.SeriesInstanceUID),
    },
      picture, el("span", { class: "nn" }, series.SeriesNumber ?? ""), series.image_count > 0 ? el("span", { class: "nr" }, series.image_count) : null,
      el("span", { class: "cap" }, el("span", { class: "f12 m ell name", title: name }, name),
        ...(series.badges ?? []).filter((badge) => badge.kind === "warn" || badge.kind === "fail").slice(0, 1).map((badge) =>
          el("span", { class: `badge ${badge.kind}` }, badgeIcon(badge), el("span", {}, badge.text)))));
  }
}
