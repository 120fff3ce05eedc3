/** The unfolded part of a row: the study's series, what is to be said of the one selected. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Series, Source } from "./api";
import { badgeOf, copyButton, thumbnailOf } from "./parts";
import { pythonOfSeries } from "./query";
import { formatCount } from "./words";

export const UNFOLDED_PX = 208;

export interface UnfoldedEvents {
  open(seriesUID: string): void;
  select(index: number): void;
  /** The archive's folder, where code has to name it. */
  root(): string | null;
}

function card(source: Source, series: Series, index: number, isSelected: boolean, events: UnfoldedEvents): HTMLElement {
  const hasPixels = series.image_count > 0;
  const name = series.SeriesDescription || `Series ${series.SeriesNumber ?? ""}`.trim();
  return el("button", {
    type: "button", class: `sc ${isSelected ? "on" : ""} ${hasPixels ? "" : "bare"}`, tabindex: "-1",
    "aria-pressed": String(isSelected), "data-series": series.SeriesInstanceUID,
    click: () => events.select(index), dblclick: () => events.open(series.SeriesInstanceUID),
  },
    el("span", { class: "img" }, thumbnailOf(source, series.StudyInstanceUID, hasPixels ? series.SeriesInstanceUID : null, 120),
      el("span", { class: "nn" }, series.SeriesNumber ?? ""), el("span", { class: "nr" }, series.instance_count)),
    el("span", { class: "cap" },
      el("span", { class: "m f12 ell", title: name }, name),
      el("span", { class: "row g1 badges" }, ...(series.badges.length > 0
        ? series.badges.slice(0, 1).map(badgeOf)
        : [el("span", { class: "f11 t3" }, `${series.Modality ?? "?"} · ${formatCount(series.image_count, "image")}`)]))));
}

function words(series: Series): [string, string] {
  const number = series.SeriesNumber === null ? "This series" : `Series ${series.SeriesNumber}`;
  const exception = series.badges.find((badge) => badge.kind === "warn" || badge.kind === "fail" || badge.kind === "info");
  if (exception) return [`${number}: ${exception.text.toLowerCase()}`, series.badges.map((badge) => badge.sentence).filter((s, i, all) => all.indexOf(s) === i).join(" ")];
  const kind = series.Modality ?? "Unknown modality";
  const first = series.badges[0];
  const said = first ? first.sentence : series.image_count === 1 ? "A single image is no stack." : "Its geometry is checked once it has been quiet for a moment.";
  return [`${number}: ${series.SeriesDescription || kind}`, `${kind}, ${formatCount(series.instance_count, "instance")}. ${said}`];
}

/** Draw the series strip. */
export function unfoldedOf(source: Source, all: Series[] | Error | null, selected: number, events: UnfoldedEvents): HTMLElement {
  const part = el("div", { class: "un", role: "group", "aria-label": "Series" });
  if (all === null) {
    part.append(el("div", { class: "skeletons" }, ...[1, 2].map(() => el("i", { class: "skeleton" }))));
  } else if (all instanceof Error) {
    part.append(el("p", { class: "t2" }, all.message));
  } else {
    const series = all[selected] ?? all[0];
    part.append(el("div", { class: "cards" }, ...all.map((each, index) => card(source, each, index, each === series, events))));
    if (series) {
      const [title, sentence] = words(series);
      part.append(el("div", { class: "say" },
        el("div", { class: "m" }, title), el("p", { class: "f12 t2" }, sentence),
        el("div", { class: "row g2 acts" },
          el("button", { type: "button", class: "btn s p", click: () => events.open(series.SeriesInstanceUID) }, icon("open", "s"), "Open"),
          copyButton("Copy as Python", () => pythonOfSeries(series.StudyInstanceUID, series.SeriesInstanceUID, events.root()), { class: "btn s" }, "code"),
          copyButton("Copy series UID", () => series.SeriesInstanceUID, { class: "btn s q" }))));
    }
  }
  return part;
}
