/** Regions that somebody put elsewhere on the images: said above them, and sent with the next analysis. */
import { el } from "../ground/dom";
import type { PutRegion } from "../measure/regions";
import type { Placed } from "./told";

/** Return "Delrin", "Delrin and PMP" or "Delrin, PMP and 2 more". Pure. */
export function listed(names: readonly string[], most = 2): string {
  const shown = names.map((name) => name.charAt(0).toUpperCase() + name.slice(1));
  if (shown.length > most) return `${shown.slice(0, most).join(", ")} and ${shown.length - most} more`;
  return shown.join(" and ");
}

export class Placing {
  readonly #words = el("small", { class: "ell" });
  readonly element: HTMLElement;
  readonly #placed = new Map<string, Placed>();
  readonly #ways = new Map<string, () => void>();
  /** Something was moved, or put back, since the analysis that is shown. */
  #isNew = false;

  /** `recorded`: where the analysis that is shown had some by hand. */
  constructor(recorded: Readonly<Record<string, Placed>>, onAnalyse: () => void) {
    for (const [name, place] of Object.entries(recorded)) this.#placed.set(name, place);
    this.element = el("span", { class: "row g2 placing", hidden: true }, this.#words,
      el("button", { type: "button", class: "btn s p", click: onAnalyse }, "Analyse again with this…"),
      el("button", { type: "button", class: "btn s q", click: () => this.#putBack() }, "Put back"));
    this.#show();
  }

  /** What is said in a form, empty where nothing is placed by hand. */
  get words(): string {
    return this.#placed.size > 0 ? `Measured where they are on the image now: ${listed([...this.#placed.keys()], 12)}.` : "";
  }

  /** What a form sends of it. */
  get said(): Record<string, string> {
    return this.#placed.size > 0 ? { regions: JSON.stringify(Object.fromEntries(this.#placed)) } : {};
  }

  hear({ name, centre_mm, radius_mm, putBack }: PutRegion): void {
    this.#isNew = true;
    if (centre_mm === null) {
      this.#placed.delete(name);
      this.#ways.delete(name);
    } else {
      const [x_mm, y_mm, z_mm] = centre_mm;
      this.#placed.set(name, { x_mm, y_mm, z_mm, radius_mm });
      this.#ways.set(name, putBack);
    }
    this.#show();
  }

  #putBack(): void {
    this.#isNew = true;
    for (const back of [...this.#ways.values()]) back();
    this.#placed.clear(); // those of the record: where the engine finds them is known once it looks again
    this.#show();
  }

  #show(): void {
    const names = [...this.#placed.keys()];
    this.element.hidden = names.length === 0;
    this.#words.textContent = `${listed(names)} ${this.#isNew ? "moved" : "placed by hand"}`;
    this.#words.title = listed(names, 12);
  }
}
