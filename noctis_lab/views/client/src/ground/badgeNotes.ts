/** A row of badges over an image, each with its sentence at a click. Whoever has something to say sets its topic. */
import { type Badge, badgeIcon, moreOf } from "./badges";
import { el } from "./dom";

/** What badges are about, in the order in which they stand. */
export const BADGE_TOPICS = ["series", "volume", "overlay", "protocol"] as const;
export type BadgeTopic = (typeof BADGE_TOPICS)[number];

export class BadgeNotes {
  readonly element = el("div", { class: "note" });
  readonly #sentence = el("div", { class: "sentence pop", role: "note", hidden: true });
  readonly #said = new Map<BadgeTopic, readonly Badge[]>();
  #shown = "[]";

  /** Say this of a topic, in place of what was said of it; a pass is a series' own and no exception. Without any badge the row takes no room. */
  set(topic: BadgeTopic, badges: readonly Badge[]): void {
    this.#said.set(topic, badges.filter((badge) => badge.kind !== "pass"));
    this.#show();
  }

  /** Take back what was said of all topics. */
  clear(): void {
    this.#said.clear();
    this.#show();
  }

  /** Close the sentence; false if none is open. */
  close(): boolean {
    if (this.#sentence.hidden) return false;
    this.#sentence.hidden = true;
    for (const button of this.element.querySelectorAll("button")) button.setAttribute("aria-expanded", "false");
    return true;
  }

  #show(): void {
    const badges = BADGE_TOPICS.flatMap((topic) => this.#said.get(topic) ?? []);
    const text = JSON.stringify(badges);
    if (text === this.#shown && this.element.firstChild !== null) return; // an open sentence stays
    this.#shown = text;
    this.#sentence.hidden = true;
    this.element.hidden = badges.length === 0;
    this.element.replaceChildren(el("div", { class: "row g1 wrap" }, ...badges.map((badge) => el("button", {
      class: `badge ${badge.kind}`, "aria-expanded": "false",
      click: (event) => this.#toggle(event.currentTarget as HTMLElement, badge),
    }, badgeIcon(badge), el("span", {}, badge.text)))), this.#sentence);
  }

  #toggle(button: HTMLElement, badge: Badge): void {
    const wasOpen = button.getAttribute("aria-expanded") === "true";
    this.close();
    if (wasOpen) return;
    const more = moreOf(badge);
    this.#sentence.replaceChildren(badge.sentence, ...(more ? [" ", more] : []));
    this.#sentence.hidden = false;
    button.setAttribute("aria-expanded", "true");
  }
}
