/** The status line: value, voxel and place under the cursor; what is in memory; keys. */
import { el } from "../ground/dom";
import { Made } from "../ground/made";
import { formatBytes, formatNumber } from "../ground/numbers";
import type { Probe } from "../ground/plane";

const bold = (text: string): HTMLElement => el("b", {}, text);

/** Write a value as precisely as its unit deserves: HU whole when it is whole, four digits of what is small. */
export function formatValue(value: number): string {
  if (Number.isInteger(value)) return formatNumber(value, 0);
  const size = Math.abs(value);
  if (size < 1e-6) return value.toExponential(3).replaceAll("-", "\u2212");
  return formatNumber(value, size >= 100 ? 1 : size >= 1 ? 2 : Math.max(4, 3 - Math.floor(Math.log10(size))));
}

/** Write a place as the patient's letters with unsigned millimetres: "L 39.1 A 47.8 I 382.5". */
export function formatPlace(place: readonly [number, number, number]): string {
  return place.map((part, axis) => {
    const text = formatNumber(Math.abs(part), 1, { fixed: true });
    return `${(part < 0 && Number(text) !== 0 ? "RAF" : "LPH")[axis]} ${text}`;
  }).join(" ");
}

export class StatusLine {
  readonly #left = el("span", { class: "row g4" });
  readonly #dot = el("span", { class: "dot" });
  readonly #memory = el("span");
  readonly #bytes = el("span", { class: "wide" });
  readonly #said = el("span", { role: "status", class: "t1" });
  readonly element: HTMLElement;
  readonly #made = new Made();
  #timer = 0;

  constructor(onHelp: () => void) {
    this.element = el("div", { class: "status" }, this.#left, this.#said, el("span", { class: "grow" }),
      el("span", { class: "row g2" }, this.#dot, this.#memory), this.#bytes,
      el("button", { class: "row g2", "aria-label": "Show the keys", click: onHelp }, el("span", { class: "kbd" }, "?"), "keys"));
  }

  probe(probe: Probe | null, resting: string): void {
    if (!this.#made.isNew(probe === null ? resting : JSON.stringify(probe))) return;
    if (probe === null) {
      this.#left.replaceChildren(el("span", {}, resting));
      return;
    }
    const value = probe.values.map(formatValue).join(", ");
    this.#left.replaceChildren(
      el("span", {}, bold(probe.units === "HU" ? `${value} HU` : value), probe.units === "HU" || probe.units === null ? "" : ` ${probe.units}`),
      ...(probe.voxel === null ? [] : [el("span", {}, `voxel ${probe.axes ?? ""} `, bold(probe.voxel.join(", ")))]),
      ...(probe.patient_mm === null ? [] : [el("span", {}, "patient ", bold(formatPlace(probe.patient_mm)), " mm")]),
      ...(probe.note === undefined ? [] : [el("span", {}, probe.note)]));
  }

  memory(count: number, total: number, bytes: number): void {
    this.#dot.className = count === total ? "dot" : "dot live";
    this.#memory.textContent = count === total ? `${total} of ${total} in memory` : `${count} / ${total} in memory`;
    this.#bytes.textContent = formatBytes(bytes);
  }

  /** Another series comes: nothing of it is in memory yet. */
  clear(): void {
    this.#dot.className = "dot none";
    this.#memory.textContent = "";
    this.#bytes.textContent = "";
    this.#left.replaceChildren();
    this.#made.forget();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Say one short thing for four seconds. */
  say(words: string): void {
    this.#said.textContent = words;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => { this.#said.textContent = ""; }, 4000);
  }
}
