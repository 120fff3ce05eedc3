/** A row of badges over an image, each with its sentence at a click. */
import { type Badge, badgeIcon } from "./badges";
import { el } from "./dom";

export class BadgeNotes {
  readonly element = el("div", { class: "note" });
  readonly #sentence = el("div", { class: "sentence pop", role: "note", hidden: true });

  /** Show these badges and no sentence; without any the row takes no room. */
  show(badges: readonly Badge[]): void {
    this.#sentence.hidden = true;
    this.element.hidden = badges.length === 0;
    this.element.replaceChildren(el("div", { class: "row g1" }, ...badges.map((badge) => el("button", {
      class: `badge ${badge.kind}`, "aria-expanded": "false",
      click: (event) => this.#toggle(event.currentTarget as HTMLElement, badge.sentence),
    }, badgeIcon(badge), el("span", {}, badge.text)))), this.#sentence);
  }

  /** Close the sentence; false if none is open. */
  close(): boolean {
    if (this.#sentence.hidden) return false;
    this.#sentence.hidden = true;
    for (const button of this.element.querySelectorAll("button")) button.setAttribute("aria-expanded", "false");
    return true;
  }

  #toggle(button: HTMLElement, sentence: string): void {
    const wasOpen = button.getAttribute("aria-expanded") === "true";
    this.close();
    if (wasOpen) return;
    this.#sentence.textContent = sentence;
    this.#sentence.hidden = false;
    button.setAttribute("aria-expanded", "true");
  }
}
