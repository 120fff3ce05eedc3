/** The strip of the series: thumbnails, counts, badges; PgUp and PgDn step through it. Studies that are compared stand below each other. */
import { badgeIcon } from "../ground/badges";
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatDate } from "../ground/numbers";
import { messageOf, type SeriesSummary, type StudySummary } from "../ground/transport";

/** Where the strip learns the series of a study from: HTTP has it, a notebook's channel does not. */
export interface SeriesSource {
  study(signal?: AbortSignal): Promise<StudySummary>;
  series(signal?: AbortSignal): Promise<SeriesSummary[]>;
  thumbnailPath(SeriesInstanceUID: string): string;
  /** The same for another study. */
  ofStudy(StudyInstanceUID: string): SeriesSource;
}

/** A series by its study too: two studies may hold one of the same UID. The view's own study is the empty one. */
export interface SeriesPlace {
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
}

interface Listed extends SeriesPlace {
  summary: SeriesSummary;
  item: HTMLElement;
}

/** One study's part of the strip. */
interface Part {
  StudyInstanceUID: string;
  study: StudySummary | null;
  series: Listed[];
  problem: string | null;
}

/** A series on its way from the strip to a pane: its place as JSON. */
export const DRAGGED_SERIES = "application/x-noctis-series";

const isSame = (a: SeriesPlace, b: SeriesPlace): boolean =>
  a.SeriesInstanceUID === b.SeriesInstanceUID && a.StudyInstanceUID === b.StudyInstanceUID;

/** Return the series that is most like another one: by description, else by modality, else the first with images. */
export function mostAlike<T extends Pick<SeriesSummary, "SeriesDescription" | "Modality" | "image_count">>(
  wanted: Pick<SeriesSummary, "SeriesDescription" | "Modality"> | undefined, among: readonly T[],
): T | undefined {
  const shown = among.filter((item) => item.image_count > 0);
  return shown.find((item) => wanted?.SeriesDescription && item.SeriesDescription === wanted.SeriesDescription && item.Modality === wanted.Modality)
    ?? shown.find((item) => item.Modality === wanted?.Modality) ?? shown[0];
}

export interface StripEvents {
  onOpen(place: SeriesPlace): void;
  /** Every study's series are listed. */
  onLoaded(): void;
}

export class SeriesStrip {
  readonly element: HTMLElement;
  readonly #list = el("div", { class: "strip-list", role: "listbox", "aria-label": "Series" });
  #series: Listed[] = [];
  #current: SeriesPlace = { StudyInstanceUID: "", SeriesInstanceUID: "" };
  /** What all panes show. */
  #shown: readonly SeriesPlace[] = [];
  /** What each study is called, by its UID. */
  readonly #titles = new Map<string, string>();
  readonly #closing = new AbortController();

  /** `compared` is the study that stands below, or empty. */
  constructor(readonly source: SeriesSource, readonly compared: string, readonly events: StripEvents) {
    this.element = el("aside", { class: "panel strip" }, this.#list,
      el("div", { class: "row g2 f12 t3 strip-keys" }, el("span", { class: "kbd" }, "PgUp"), el("span", { class: "kbd" }, "PgDn"), el("span", { class: "wide" }, "series")));
    void this.#load();
  }

  close(): void {
    this.#closing.abort();
  }

  /** Mark the active pane's series, and those of the other panes. */
  select(current: SeriesPlace, shown: readonly SeriesPlace[]): void {
    this.#current = current;
    this.#shown = shown;
    for (const listed of this.#series) {
      const isOn = isSame(listed, current);
      listed.item.classList.toggle("on", isOn);
      listed.item.classList.toggle("shown", !isOn && shown.some((place) => isSame(listed, place)));
      listed.item.setAttribute("aria-selected", String(isOn));
      if (isOn) listed.item.scrollIntoView({ block: "nearest" });
    }
  }

  /** Whether it is known which series there are. */
  get isListed(): boolean {
    return this.#series.length > 0;
  }

  step(count: 1 | -1): void {
    const next = this.#series[this.#series.findIndex((item) => isSame(item, this.#current)) + count];
    if (next) this.events.onOpen(placeOf(next));
  }

  /** Return what is listed of a series; null where it is not listed (yet). */
  summaryOf(place: SeriesPlace): SeriesSummary | null {
    return this.#series.find((item) => isSame(item, place))?.summary ?? null;
  }

  /** Return the first series with images that is in no pane yet; null where there is none. */
  next(taken: readonly SeriesPlace[]): SeriesPlace | null {
    const found = this.#series.find((item) => item.summary.image_count > 0 && !taken.some((place) => isSame(place, item)));
    return found ? placeOf(found) : null;
  }

  /** Return the compared study's series that is most like one of the own study. */
  counterpart(SeriesInstanceUID: string): SeriesPlace | null {
    const own = this.#series.find((item) => item.StudyInstanceUID === "" && item.SeriesInstanceUID === SeriesInstanceUID)?.summary;
    const theirs = this.#series.filter((item) => item.StudyInstanceUID === this.compared).map((item) => item.summary);
    const found = this.compared === "" ? undefined : mostAlike(own, theirs);
    return found ? { StudyInstanceUID: this.compared, SeriesInstanceUID: found.SeriesInstanceUID } : null;
  }

  /** What a study is called while two are compared: its date, and which it is; null while one stands alone. */
  titleOf(StudyInstanceUID: string): string | null {
    return this.#titles.get(StudyInstanceUID) ?? null;
  }

  async #load(): Promise<void> {
    const own = this.#read("", this.source);
    const other = this.compared === "" ? null : this.#read(this.compared, this.source.ofStudy(this.compared));
    const parts = [await own, ...(other === null ? [] : [await other])];
    if (this.#closing.signal.aborted) return;
    this.#series = parts.flatMap((part) => part.series);
    if (other !== null) this.#name(parts[0]?.study ?? null, parts[1]?.study ?? null);
    this.#list.replaceChildren(...parts.flatMap((part) => {
      const title = this.titleOf(part.StudyInstanceUID);
      return [...(title === null ? [] : [el("div", { class: "f12 t2 m study" }, title)]),
        ...(part.problem === null ? part.series.map(({ item }) => item) : [el("div", { class: "empty" }, part.problem,
          el("button", { class: "btn s", click: () => void this.#load() }, icon("refresh", "s"), "Try again"))])];
    }));
    if (parts[0]?.problem !== null) return;
    if (this.#current.SeriesInstanceUID === "" && this.#series[0]) this.events.onOpen(placeOf(this.#series[0]));
    else this.select(this.#current, this.#shown);
    this.events.onLoaded();
  }

  /** Ask for one study's series; what goes wrong is said in its place. */
  async #read(StudyInstanceUID: string, source: SeriesSource): Promise<Part> {
    try {
      const [series, study] = await Promise.all([source.series(this.#closing.signal), this.compared === "" ? null : source.study(this.#closing.signal)]);
      return { StudyInstanceUID, study, series: series.map((summary) => this.#listed(summary, StudyInstanceUID, source)), problem: null };
    } catch (error) {
      return { StudyInstanceUID, study: null, series: [], problem: messageOf(error) };
    }
  }

  #name(own: StudySummary | null, other: StudySummary | null): void {
    const [ours, theirs] = [own?.StudyDate ?? "", other?.StudyDate ?? ""];
    const relation = ours === "" || theirs === "" || ours === theirs ? "compared" : theirs < ours ? "prior" : "later";
    if (own) this.#titles.set("", `${formatDate(ours) || "no date"} · this study`);
    if (other) this.#titles.set(this.compared, `${formatDate(theirs) || "no date"} · ${relation}`);
  }

  #listed(summary: SeriesSummary, StudyInstanceUID: string, source: SeriesSource): Listed {
    const place: SeriesPlace = { StudyInstanceUID, SeriesInstanceUID: summary.SeriesInstanceUID };
    const name = summary.SeriesDescription ?? summary.Modality ?? "Series";
    const picture = summary.image_count > 0
      ? el("div", { class: "im" }, el("img", { src: source.thumbnailPath(summary.SeriesInstanceUID), alt: "", loading: "lazy", decoding: "async", draggable: "false" }))
      : el("div", { class: "im none" }, icon("document"));
    const drag = (event: Event): void => (event as DragEvent).dataTransfer?.setData(DRAGGED_SERIES, JSON.stringify(place));
    const item = el("button", {
      class: "th", role: "option", "data-uid": summary.SeriesInstanceUID, draggable: "true", dragstart: drag, click: () => this.events.onOpen(place),
    },
    picture, el("span", { class: "nn" }, summary.SeriesNumber ?? ""), summary.image_count > 0 ? el("span", { class: "nr" }, summary.image_count) : null,
    el("span", { class: "cap" }, el("span", { class: "f12 m ell name", title: name }, name),
      ...(summary.badges ?? []).filter((badge) => badge.kind === "warn" || badge.kind === "fail").slice(0, 1).map((badge) =>
        el("span", { class: `badge ${badge.kind}` }, badgeIcon(badge), el("span", {}, badge.text)))));
    return { ...place, summary, item };
  }
}

const placeOf = ({ StudyInstanceUID, SeriesInstanceUID }: SeriesPlace): SeriesPlace => ({ StudyInstanceUID, SeriesInstanceUID });

/** Read a place that was dragged here; null where it is none. */
export function draggedPlace(text: string): SeriesPlace | null {
  try {
    const { StudyInstanceUID, SeriesInstanceUID } = (JSON.parse(text) ?? {}) as Partial<SeriesPlace>;
    const isPlace = typeof StudyInstanceUID === "string" && typeof SeriesInstanceUID === "string" && SeriesInstanceUID !== "";
    return isPlace ? { StudyInstanceUID, SeriesInstanceUID } : null;
  } catch {
    return null;
  }
}
