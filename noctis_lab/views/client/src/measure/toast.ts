/** One short message at the bottom right, with a way back: six seconds, as long as the mouse is not on it. */
import { el } from "../ground/dom";

const SHOWN_MS = 6000;

export class Toast {
  readonly element = el("div", { class: "toast", role: "status", hidden: true });
  #timer = 0;

  constructor() {
    this.element.addEventListener("pointerenter", () => clearTimeout(this.#timer));
    this.element.addEventListener("pointerleave", () => this.#wait());
    this.element.addEventListener("focusin", () => clearTimeout(this.#timer));
    this.element.addEventListener("focusout", () => this.#wait());
  }

  show(words: string, action: string, run: () => void): void {
    this.element.replaceChildren(el("span", {}, words), el("button", { class: "btn s", click: () => { this.hide(); run(); } }, action));
    this.element.hidden = false;
    this.#wait();
  }

  hide(): void {
    clearTimeout(this.#timer);
    this.element.hidden = true;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.hide(), SHOWN_MS);
  }
}
