/** What stands on the stage while a stack plays: the rate asked for, the real one, slower and faster. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import type { Cine } from "./cine";

export class CineBar {
  readonly #words = el("span", {});
  readonly element: HTMLElement;

  #onRate: (direction: 1 | -1) => void = () => undefined;
  #onStop: () => void = () => undefined;

  constructor() {
    const button = (name: string, shape: HTMLElement | SVGElement | string, run: () => void): HTMLElement =>
      el("button", { class: "ib s", "aria-label": name, title: name, click: run }, shape);
    this.element = el("div", { class: "cine pop", role: "group", "aria-label": "Cine", hidden: true },
      button("Slower, {", "−", () => this.#onRate(-1)), this.#words, button("Faster, }", "+", () => this.#onRate(1)), button("Stop, c", icon("close", "s"), () => this.#onStop()));
  }

  /** Say what its buttons do. */
  watch(onRate: (direction: 1 | -1) => void, onStop: () => void): void {
    [this.#onRate, this.#onStop] = [onRate, onStop];
  }

  show({ isPlaying, rate_hz, realRate_hz }: Pick<Cine, "isPlaying" | "rate_hz" | "realRate_hz">): void {
    this.element.hidden = !isPlaying;
    if (!isPlaying) return;
    const real = realRate_hz === null ? "" : `, really ${formatNumber(realRate_hz, 1, { fixed: true })}`;
    this.#words.textContent = `${formatNumber(rate_hz, 1)} images/s${real}`;
  }
}
