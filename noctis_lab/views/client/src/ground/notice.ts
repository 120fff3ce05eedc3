/** Words in place of an image that cannot be shown, with a way out where there is one. */
import { el } from "./dom";
import { icon } from "./icons";
import { Made } from "./made";

export class Notice {
  readonly element = el("div", { class: "notice", hidden: true });
  readonly #made = new Made();

  /** Say in words why there is no image; null takes it back. */
  say(title: string | null, words = "", retry: (() => void) | null = null): void {
    if (!this.#made.isNew(title, words, retry === null)) return;
    this.element.hidden = title === null;
    this.element.replaceChildren();
    if (title === null) return;
    this.element.append(
      el("div", { class: retry ? "fail-ink" : "t3" }, icon(retry ? "fail" : "unknown")), el("div", { class: "f14 b" }, title), el("div", { class: "t2" }, words),
      ...(retry ? [el("button", { class: "btn s", click: retry }, icon("refresh", "s"), "Try again")] : []));
  }
}
