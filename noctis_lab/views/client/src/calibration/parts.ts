/** What the calibration pages are made of: heads, badges, actions, tables, needs. */
import { copyText } from "../ground/clipboard";
import { type Child, el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Action, Card, Choice, Empty, Head, Need, Panel, Table, ToldBadge } from "./told";

/** What a page's buttons reach. */
export interface Doing {
  form(action: Action): void;
  say(words: string): void;
}

export const badgeOf = ({ kind, icon: name, text }: ToldBadge): HTMLElement =>
  el("span", { class: `badge ${kind}` }, icon(name, "xs"), el("span", {}, text));

export function actionOf(action: Action, doing: Doing, size = "s"): HTMLElement {
  const { label, icon: name, href, copied } = action;
  const classes = `btn ${size} ${action.isPrimary ? "p" : ""} ${action.isQuiet ? "q" : ""}`.trim();
  const inside: Child[] = [name ? icon(name, "s") : null, label];
  if (href) return el("a", { class: classes, href }, ...inside);
  const run = (): void => {
    if (copied === undefined) doing.form(action);
    else void copyText(copied).then((isDone) => doing.say(isDone ? "Copied" : "This browser allows no copying here"));
  };
  return el("button", { type: "button", class: classes, click: run }, ...inside);
}

const choicesOf = (choices: readonly Choice[]): HTMLElement => el("span", { class: "segs" },
  ...choices.map(({ label, href, isOn }) => el("a", { class: `seg ${isOn ? "on" : ""}`.trim(), href, title: label, "aria-current": isOn ? "true" : null }, label)));

export function headOf({ title, subtitle, back, chips, choices, actions }: Head, doing: Doing): HTMLElement {
  return el("div", { class: "bar1" },
    back ? el("a", { class: "ib s", href: back, "aria-label": "Back", title: "Back" }, icon("left")) : null,
    el("h1", { class: "f16 b ell", title }, title), subtitle ? el("span", { class: "t2 ell" }, subtitle) : null,
    ...chips.map(([key, value]) => el("span", { class: "chip", title: value }, el("span", { class: "k" }, key), value)),
    el("span", { class: "grow" }), ...choices.filter((group) => group.length > 0).map(choicesOf), ...actions.map((action) => actionOf(action, doing, "")));
}

/** A figure with its words; the whole head is a link. */
export function cardOf(card: Card, plot: HTMLElement | undefined): HTMLElement {
  const element = el("section", { class: `cd ${card.isMarked ? "sel" : ""}`.trim(), "aria-label": card.title },
    el("a", { class: "cdh", href: card.href },
      el("span", { class: "row g2" }, el("span", { class: "b ell grow" }, card.title), card.badge ? badgeOf(card.badge) : null),
      el("span", { class: "f12 t3 ell", title: card.subtitle }, card.subtitle),
      el("span", { class: "row now" }, el("span", { class: "f20 b nowrap" }, card.value), el("span", { class: "f12 t3 ell" }, card.note))),
    el("div", { class: "chart" }, plot));
  return element;
}

export function tableOf({ title, columns, rows, none, more }: Table): HTMLElement {
  const head = el("tr", {}, ...columns.map(({ name, isNumber, isNarrow }) => el("th", { scope: "col", class: `${isNumber ? "n" : ""} ${isNarrow ? "nw" : ""}`.trim() }, name)));
  const body = rows.map(({ cells, href }) => {
    const row = el("tr", { class: href ? "to" : "" }, ...cells.map((cell, place) => {
      const column = columns[place];
      const inside = typeof cell === "string" ? cell : badgeOf(cell);
      return el("td", { class: `${column?.isNumber ? "n" : ""} ${column?.isNarrow ? "nw" : ""}`.trim() }, place === 0 && href ? el("a", { href }, inside) : inside);
    }));
    // The whole row opens; keyboards have the link in its first cell.
    if (href) row.addEventListener("click", (event) => { if (!(event.target instanceof HTMLAnchorElement) && getSelection()?.isCollapsed !== false) location.assign(href); });
    return row;
  });
  return el("section", { class: "tt", "aria-label": title },
    title ? el("div", { class: "ph" }, el("span", { class: "ttl" }, title)) : null,
    rows.length > 0 ? el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)) : el("p", { class: "none t3" }, none),
    more ? el("p", { class: "none f12 t3" }, more) : null);
}

export const needOf = ({ badge, title, text, actions }: Need, doing: Doing): HTMLElement =>
  el("article", { class: "al" },
    el("div", { class: "row g2 b" }, el("span", { class: `${badge.kind}-ink` }, icon(badge.icon)), title),
    el("p", {}, text), el("div", { class: "row g2 wrap" }, ...actions.map((action) => actionOf(action, doing))));

export const needsOf = (title: string, needs: readonly Need[], none: string, doing: Doing, more = ""): HTMLElement =>
  el("aside", { class: "panel words", "aria-label": title },
    el("div", { class: "wh row" }, el("span", { class: "b grow" }, title), el("span", { class: "t3" }, needs.length > 0 ? needs.length : "")),
    el("div", { class: "als" }, ...needs.map((need) => needOf(need, doing)), needs.length === 0 ? el("p", { class: "none t3" }, none) : null),
    el("p", { class: "wf f12 t3" }, `${more} Research use. Checks are advisory and never refuse an image.`.trim()));

export function panelOf({ title, subtitle, badge, plots, isStacked, none }: Panel, figures: readonly HTMLElement[]): HTMLElement {
  const shown = plots.map((place) => el("div", { class: "chart" }, figures[place]));
  return el("section", { class: "bx", "aria-label": title },
    el("div", { class: "t" }, el("span", {}, title), el("small", { class: "ell grow" }, subtitle), badge ? badgeOf(badge) : null),
    el("p", { class: "none t3" }, none), shown.length > 0 ? el("div", { class: `charts ${isStacked ? "col" : "row"}` }, ...shown) : null);
}

export const emptyOf = ({ title, text, code, actions }: Empty, doing: Doing): HTMLElement =>
  el("div", { class: "empty" }, el("h2", { class: "f16 b" }, title), el("p", { class: "t2" }, text),
    code ? el("pre", { class: "code" }, code) : null, el("div", { class: "row g2" }, ...actions.map((action) => actionOf(action, doing))));

/** What each mark of a control chart means. */
export function legendOf(tolerance: string): HTMLElement {
  const key = (name: string): HTMLElement => el("span", { class: `key ${name}`, "aria-hidden": true });
  return el("div", { class: "lg" },
    el("span", {}, key("limits"), "Control limits, 3σ: ", el("b", {}, "what this scanner usually does")),
    tolerance ? el("span", {}, key("tol"), `Outside tolerance, ${tolerance}: `, el("b", {}, "what we do not accept")) : null,
    el("span", {}, key("ewma"), "EWMA, λ 0.2, with its own limits"), el("span", {}, key("alarm"), "Alarm"));
}

export const statusOf = (status: readonly string[], hint: string): HTMLElement =>
  el("footer", { class: "status" }, ...status.map((words) => el("span", {}, words)), el("span", { class: "grow" }), el("span", {}, hint));
