/** The column at the left: when it arrived, which modality, which facility. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import type { Facets, Filters } from "./api";

const DAYS: [string, number | null][] = [["Any time", null], ["Last 24 hours", 1], ["Last 7 days", 7], ["Last 30 days", 30]];
const SHOWN = 8;

export class FacetColumn {
  readonly element = el("aside", { class: "panel side", "aria-label": "Filters" });

  constructor(private readonly changed: (filters: Filters) => void) {}

  draw(filters: Filters, facets: Facets): void {
    this.element.replaceChildren(
      el("div", { class: "h" }, "Arrived"),
      ...DAYS.map(([words, days]) => el("button", {
        type: "button", class: `f ${filters.received_days === days ? "on" : ""}`, "aria-pressed": String(filters.received_days === days),
        click: () => this.changed({ ...filters, received_days: days }),
      }, icon(days === null ? "stack" : "clock"), words)),
      ...this.group("Modality", facets.modalities, filters.modalities, (modalities) => this.changed({ ...filters, modalities })),
      ...this.group("Facility", facets.facilities, filters.facilities, (facilities) => this.changed({ ...filters, facilities })),
    );
  }

  private group(title: string, counts: Record<string, number>, chosen: string[], set: (chosen: string[]) => void): HTMLElement[] {
    const names = Object.keys(counts).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a.localeCompare(b));
    for (const name of chosen) if (!names.includes(name)) names.push(name);
    if (names.length === 0) return [];
    const shown = names.filter((name, index) => index < SHOWN || chosen.includes(name));
    const rows = shown.map((name) => {
      const isOn = chosen.includes(name);
      return el("button", {
        type: "button", class: "f", role: "checkbox", "aria-checked": String(isOn),
        click: () => set(isOn ? chosen.filter((each) => each !== name) : [...chosen, name]),
      }, el("span", { class: `ck ${isOn ? "y" : ""}` }, isOn ? icon("check", "xs") : null), el("span", { class: "ell" }, name),
        el("span", { class: "n" }, formatNumber(counts[name] ?? 0, 0)));
    });
    const more = names.length - shown.length;
    return [el("div", { class: "h" }, title), ...rows, ...(more > 0 ? [el("div", { class: "f t3 more" }, `${more} more`)] : [])];
  }
}
