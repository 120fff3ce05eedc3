/** The four pages, each from what Python tells. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { actionOf, cardOf, type Doing, emptyOf, headOf, legendOf, needsOf, panelOf, statusOf, tableOf } from "./parts";
import type { CompareTold, FleetTold, ScannerTold, ScanTold, Told, Verdict } from "./told";

export interface Drawn {
  /** Panel's elements of the figures, in the order in which Python has them. */
  figures: readonly HTMLElement[];
  viewer: HTMLElement | null;
  doing: Doing;
  /** Says above a scan's images which regions were moved. */
  placing: HTMLElement | null;
  /** Show an image of the scan. */
  plane(index: number): void;
}

/** Return a page's body. */
export function pageOf(told: Told, drawn: Drawn): HTMLElement[] {
  switch (told.page) {
    case "fleet": return fleetOf(told, drawn);
    case "scanner": return scannerOf(told, drawn);
    case "scan": return scanOf(told, drawn);
    case "compare": return compareOf(told, drawn);
    case "tables": return [el("div", { class: "fl alone" }, el("main", { class: "fm" }, headOf(told.head, drawn.doing), ...told.tables.map(tableOf))), statusOf(told.status, told.hint)];
    case "plots": return [el("div", { class: "plain" }, ...drawn.figures.map((figure, place) => el("section", { class: "bx" },
      told.titles[place] ? el("div", { class: "t" }, told.titles[place]) : null, el("div", { class: "chart" }, figure))))];
  }
}

function fleetOf(told: FleetTold, { figures, doing }: Drawn): HTMLElement[] {
  const main = el("main", { class: "fm" }, headOf(told.head, doing), ...(told.empty ? [emptyOf(told.empty, doing)] : [
    el("div", { class: "cards" }, ...told.cards.map((card, place) => cardOf(card, figures[place]))),
    told.more.length > 0 ? el("div", { class: "row g2" }, ...told.more.map((action) => actionOf(action, doing))) : null,
    legendOf(told.tolerance), tableOf(told.table)].filter((part) => part !== null)));
  return [el("div", { class: "fl" }, main, needsOf("Needs a look", told.needs, "Nothing. Every chart is in control, and no scan failed.", doing)),
    statusOf(told.status, told.hint)];
}

function scannerOf(told: ScannerTold, { figures, doing }: Drawn): HTMLElement[] {
  const main = el("main", { class: "fm" }, headOf(told.head, doing), ...(told.empty ? [emptyOf(told.empty, doing)] : [
    el("div", { class: "cards big" }, ...told.cards.map((card, place) => cardOf(card, figures[place]))),
    legendOf(told.tolerance), ...told.tables.map(tableOf)]));
  return [el("div", { class: "fl" }, main, needsOf("Needs a look", told.needs, "Nothing. Every chart of this scanner is in control.", doing)),
    statusOf(told.status, told.hint)];
}

const verdictOf = ({ kind, icon: name, title, text, meaning, advice, actions }: Verdict, doing: Doing): HTMLElement[] => [
  el("div", { class: `ver ${kind}` }, el("h2", { class: "row g2 f14 b" }, el("span", { class: `${kind}-ink` }, icon(name)), title), el("p", {}, text)),
  el("div", { class: "why" },
    meaning ? el("h3", { class: "b" }, "What it means") : null, meaning ? el("p", {}, meaning) : null,
    advice ? el("h3", { class: "b" }, "What to do") : null, advice ? el("p", {}, advice) : null,
    actions.length > 0 ? el("div", { class: "row g2 wrap" }, ...actions.map((action) => actionOf(action, doing))) : null)];

function scanOf(told: ScanTold, { figures, viewer, doing, placing, plane }: Drawn): HTMLElement[] {
  if (told.empty) return [el("div", { class: "fl" }, el("main", { class: "fm" }, headOf(told.head, doing), emptyOf(told.empty, doing))), statusOf(told.status, told.hint)];
  const tabs = el("span", { class: "segs" }, ...told.modules.map(({ name, index, words }, place) => {
    const tab = el("button", { type: "button", class: "seg", "aria-pressed": String(place === 0), title: words, click: () => {
      for (const other of tabs.children) other.setAttribute("aria-pressed", String(other === tab));
      plane(index);
    } }, name);
    return tab;
  }));
  const image = el("section", { class: "bx img", "aria-label": "Phantom" },
    el("div", { class: "t" }, el("span", {}, "Phantom"), el("small", { class: "ell grow" }, told.regionWords), tabs), placing,
    el("div", { class: "stagebox" }, viewer));
  const verdict = el("aside", { class: "panel words", "aria-label": "Verdict" }, el("div", { class: "als" }, ...verdictOf(told.verdict, doing),
    tableOf(told.inserts), ...told.notes.map((note) => el("p", { class: "note f12 t3 row" }, icon("info", "s"), el("span", {}, note)))),
    el("p", { class: "wf f12 t3" }, told.foot));
  return [el("div", { class: "fl sp" }, el("main", { class: "sm" }, headOf(told.head, doing), image, ...told.panels.map((panel) => panelOf(panel, figures))), verdict),
    statusOf(told.status, told.hint)];
}

function compareOf(told: CompareTold, { figures, doing }: Drawn): HTMLElement[] {
  const main = el("main", { class: "fm" }, headOf(told.head, doing), ...(told.empty ? [emptyOf(told.empty, doing)] : [
    el("div", { class: "pair" }, ...told.panels.map((panel) => panelOf(panel, figures))), ...told.tables.map(tableOf)]));
  const side = told.empty ? null : el("aside", { class: "panel words", "aria-label": "In words" }, el("div", { class: "als" }, ...verdictOf(told.verdict, doing)),
    el("p", { class: "wf f12 t3" }, "Research use."));
  return [el("div", { class: `fl ${side ? "" : "alone"}`.trim() }, main, side), statusOf(told.status, told.hint)];
}
