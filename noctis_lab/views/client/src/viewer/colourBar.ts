/** The bar on the stage that says which colour is which value; without colour there is none. */
import { el } from "../ground/dom";
import { formatAtScale } from "../ground/numbers";
import { type Colormap, isGrey, stopsOf } from "./colormaps";
import type { Window } from "./state";

export class ColourBar {
  readonly #bar = el("div", { class: "bar", "aria-hidden": true });
  readonly #high = el("div", {});
  readonly #low = el("div", {});
  readonly element = el("div", { class: "ct colours", hidden: true }, this.#high, this.#bar, this.#low);
  #drawn = "";

  /** Show a map over a window; `window` is null where a table gives the greys, and then no number stands there. */
  show(colormap: Colormap | null, reversed: boolean, window: Window | null, units: string | null): void {
    this.element.hidden = colormap === null || isGrey(colormap);
    if (colormap === null || this.element.hidden) return;
    const write = (value: number): string => (window === null ? "" : `${formatAtScale(value, window.width)} ${units ?? ""}`.trim());
    this.#high.textContent = window === null ? "" : write(window.center + window.width / 2);
    this.#low.textContent = window === null ? "" : write(window.center - window.width / 2);
    const key = `${colormap} ${reversed}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#bar.style.background = `linear-gradient(to top, ${stopsOf(colormap, reversed, 256).map(({ colour }) => colour).join(", ")})`;
  }
}
