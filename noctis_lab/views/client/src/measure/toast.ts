/** One short message at the bottom right, with a way back: six seconds, as long as the mouse is not on it, or until it is answered. */
import { el } from "../ground/dom";

const SHOWN_MS = 6000;

export class Toast {
  readonly element = el("div", { class: "toast", role: "status", hidden: true });
  #timer = 0;
  #stays = false;

  constructor() {
    this.element.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    this.element.addEventListener("pointerleave", () => this.#wait());
    this.element.addEventListener("focusin", () => clearTimeout(this.#timer));
    this.element.addEventListener("focusout", () => this.#wait());
  }

  show(words: string, action: string, run: () => void): void {
    this.element.replaceChildren(el("span", {}, words), el("button", { class: "btn s", click: () => { this.hide(); run(); } }, action));
    this.element.hidden = false;
    this.#stays = false;
    this.#wait();
  }

  /** Say what stays until its button is pressed, or until something else is said. */
  stay(words: string, action: string, run: () => void): void {
    this.show(words, action, run);
    this.#stays = true;
    clearTimeout(this.#timer);
  }

  /** Take back what stays. */
  release(): void {
    if (this.#stays) this.hide();
  }

  hide(): void {
    this.#stays = false;
    clearTimeout(this.#timer);
    this.element.hidden = true;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#stays) return;
    this.#timer = window.setTimeout(() => this.hide(), SHOWN_MS);
  }
}
