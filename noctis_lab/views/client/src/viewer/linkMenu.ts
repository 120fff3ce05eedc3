/** The menu of links: what the panes share, each with its key; seen where there are several panes. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { Made } from "../ground/made";
import { Menu } from "./menu";
import type { Link } from "./state";

export const LINKS: readonly { name: keyof Link; key: string; words: string; hint: string }[] = [
  { name: "position", key: "P", words: "Position", hint: "nearest slice in the patient, with reference lines" },
  { name: "window", key: "W", words: "Window", hint: "series of one modality" },
  { name: "zoom", key: "Z", words: "Zoom", hint: "as many mm a pixel" },
];

export interface LinkHost {
  readonly link: Link;
  toggleLink(name: keyof Link): void;
}

export class LinkMenu {
  readonly button: HTMLButtonElement;
  readonly menu: Menu;
  readonly #name = el("span", { class: "m" });
  readonly #made = new Made();

  constructor(readonly host: LinkHost) {
    this.button = el("button", { class: "pick shrinks", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "Links between panes" },
      icon("link", "s"), this.#name, icon("down", "s"));
    this.menu = new Menu(this.button, () => LINKS.map((item) => this.#item(item)), "links");
  }

  refresh(paneCount: number): void {
    this.button.hidden = paneCount < 2;
    const on = LINKS.filter(({ name }) => this.host.link[name]);
    if (!this.#made.isNew(...on)) return;
    this.#name.textContent = on.length === 0 ? "Not linked" : on.length === LINKS.length ? "Linked" : on.length === 1 ? (on[0]?.words ?? "") : `${on.length} of ${LINKS.length} links`;
    this.button.title = on.map(({ words }) => words).join(", "); // the menu says it too
  }

  #item({ name, key, words, hint }: (typeof LINKS)[number]): HTMLElement {
    const item = el("button", { role: "menuitemcheckbox", class: "item", click: () => { this.host.toggleLink(name); show(); } },
      icon("check", "s"), el("span", { class: "grow" }, words), el("span", { class: "t3" }, hint), el("span", { class: "kbd" }, `Shift ${key}`));
    const show = (): void => item.setAttribute("aria-checked", String(this.host.link[name]));
    show();
    return item;
  }
}
