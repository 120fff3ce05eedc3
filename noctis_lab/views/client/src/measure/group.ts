/** Measuring in the toolbar: the tool used last, a menu of all of them, undo and redo. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { Made } from "../ground/made";
import { factsOf, type Kind, KINDS } from "./shapes";

export interface GroupHost {
  readonly kind: Kind | null;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** Take a tool; the same again gives it back. Chosen by keyboard, its cursor comes out. */
  onPick(kind: Kind, isByKey: boolean): void;
  onUndo(isRedo: boolean): void;
}

/** Says what a button is, under the mouse and on focus. */
export type Explain = (button: HTMLElement, words: { name: string; key?: string; hint?: string }) => void;

export class MeasureGroup {
  readonly button = el("button", { class: "ib", click: (event) => this.#pick(this.#last, event) });
  readonly more = el("button", { class: "ib more", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "All measuring tools" }, icon("down", "s"));
  readonly undo = el("button", { class: "ib", "aria-label": "Undo", click: () => this.host.onUndo(false) }, icon("undo"));
  readonly redo = el("button", { class: "ib", "aria-label": "Redo", click: () => this.host.onUndo(true) }, icon("redo"));
  #last: Kind = "ellipse";
  /** What the button's tooltip says; its words follow the tool. */
  readonly #words = { name: "", key: "", hint: "" };
  readonly #made = new Made();

  constructor(readonly host: GroupHost, explain: Explain) {
    explain(this.button, this.#words);
    explain(this.more, { name: "All measuring tools" });
    explain(this.undo, { name: "Undo", key: "Ctrl Z" });
    explain(this.redo, { name: "Redo", key: "Ctrl Y" });
  }

  /** The items of the menu. */
  items(close: () => void): HTMLElement[] {
    return KINDS.map(({ kind, name, icon: shape, key, hint }) => el("button", {
      role: "menuitemradio", "aria-checked": String(this.host.kind === kind), class: this.host.kind === kind ? "item on" : "item", title: hint,
      click: (event) => { close(); this.#pick(kind, event); },
    }, icon(shape), el("span", { class: "grow" }, name), el("span", { class: "kbd" }, key)));
  }

  /** A click that no mouse made comes from the keyboard. */
  #pick(kind: Kind, event: Event): void {
    this.host.onPick(kind, event instanceof MouseEvent && event.detail === 0);
  }

  refresh(): void {
    const { kind, canUndo, canRedo } = this.host;
    this.#last = kind ?? this.#last;
    const { name, icon: shape, key, hint } = factsOf(this.#last);
    Object.assign(this.#words, { name, key, hint });
    if (this.button.dataset["kind"] !== this.#last) {
      this.button.dataset["kind"] = this.#last;
      this.button.setAttribute("aria-label", name);
      this.button.replaceChildren(icon(shape));
    }
    if (this.#made.isNew(kind !== null)) {
      this.button.classList.toggle("on", kind !== null);
      this.button.setAttribute("aria-pressed", String(kind !== null));
    }
    this.undo.disabled = !canUndo;
    this.redo.disabled = !canRedo;
  }
}
