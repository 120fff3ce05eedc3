/** Surfaces that are kept: made from the threshold or a segment, with volume and area, as STL, deleted. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import type { VolumeModel } from "./model";
import type { KeptSurface, SegmentChoice } from "./surfaces";

const MM3_PER_CM3 = 1000;
const MM2_PER_CM2 = 100;

/** Write a volume as precisely as it is large. */
const size = (value: number): string => formatNumber(value, value >= 1000 ? 0 : value >= 10 ? 1 : 3);

/** "1 234 cm³ · 567 cm²"; of an open one why it has no volume. */
export function figuresOf({ volume_mm3, area_mm2 }: Pick<KeptSurface, "volume_mm3" | "area_mm2">): string {
  const volume = volume_mm3 === null ? "open: no volume" : `${size(volume_mm3 / MM3_PER_CM3)} cm³`;
  return area_mm2 === null ? volume : `${volume} · ${size(area_mm2 / MM2_PER_CM2)} cm²`;
}

export const nameOf = ({ kind, level, units, label }: Pick<KeptSurface, "kind" | "level" | "units" | "label">): string =>
  kind === "segment" ? label || "Segment" : `Above ${formatNumber(level, Math.abs(level) < 10 ? 3 : 1)} ${units ?? ""}`.trim();

export class SurfacesSection {
  readonly element = el("div", { class: "surfaces" });
  readonly #make = el("button", { class: "btn s", title: "Made in the archive, kept there" }, icon("plus", "s"), "From threshold");
  readonly #list = el("div", { class: "sec kept", role: "list" });
  readonly #segments = el("select", { "aria-label": "Make a surface from a segment" });
  readonly #segmentRow = el("label", { class: "num" }, el("span", { class: "k grow" }, "From a segment"), this.#segments);
  readonly #failure = el("div", { class: "sec fail-ink f12", role: "alert", hidden: true });
  #model: VolumeModel | null = null;
  #key = "";
  #choices: readonly SegmentChoice[] = [];

  constructor(readonly onDone: () => void, readonly onSay: (words: string) => void) {
    this.element.append(
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Surfaces"), el("span", { class: "grow" }), this.#make),
      el("div", { class: "sec" }, this.#segmentRow), this.#failure, this.#list);
    this.#make.addEventListener("click", () => {
      const model = this.#model;
      const extra_index = model?.data.volume?.extra_index ?? null;
      if (model !== null) void model.make({ kind: "threshold", level: model.level, ...(extra_index === null ? {} : { extra_index }) }).then(() => this.onDone());
    });
    this.#segments.addEventListener("change", () => {
      const choice = this.#choices[Number(this.#segments.value)];
      this.#segments.value = "";
      if (choice) void this.#model?.make({ kind: "segment", SOPInstanceUID: choice.SOPInstanceUID, segment: choice.segment }).then(() => this.onDone());
    });
    this.#segments.addEventListener("keydown", (event) => event.stopPropagation());
  }

  show(model: VolumeModel): void {
    this.#model = model;
    const { kept, segments, failure, source } = model.shelf;
    this.element.hidden = source === null;
    const key = JSON.stringify([kept, segments, failure, model.state.surface, model.state.mode, model.shelf.SeriesInstanceUID]);
    if (key === this.#key) return;
    this.#key = key;
    this.#failure.hidden = failure === "";
    this.#failure.textContent = failure;
    this.#choices = segments;
    (this.#segmentRow.parentElement as HTMLElement).hidden = segments.length === 0;
    this.#segments.replaceChildren(el("option", { value: "" }, "choose…"), ...segments.map(({ label, segment }, i) => el("option", { value: String(i) }, `${segment}  ${label}`)));
    this.#segments.value = "";
    this.#list.hidden = kept.length === 0 && segments.length > 0;
    this.#list.replaceChildren(...(kept.length === 0
      ? [el("div", { class: "t3 f12" }, "None yet. One made from the threshold has its volume and area, and an STL file; it is kept with the series.")]
      : kept.map((surface) => this.#row(surface, model))));
  }

  #row(surface: KeptSurface, model: VolumeModel): HTMLElement {
    const { key, state, progress } = surface;
    const isShown = state === "done" && model.state.mode === "surface" && model.state.surface === key;
    const isPending = state === "waiting" || state === "running";
    const along = model.timeOf(surface);
    const name = [nameOf({ ...surface, units: surface.units ?? model.stack?.units ?? null }), along].filter((part) => part !== "").join(", ");
    const words = state === "failed" ? (surface.error ?? "It could not be made.") : state === "waiting" ? "waiting" : state === "running" ? `${Math.round(100 * progress)} / 100` : figuresOf(surface);
    const act = (shape: "download" | "delete" | "close", label: string, run: () => void): HTMLElement =>
      el("button", { class: "ib s", "aria-label": label, title: label, click: run }, icon(shape, "s"));
    return el("div", { class: isShown ? "surface on" : "surface", role: "listitem" },
      el("button", { class: "grow choose", disabled: state !== "done", "aria-pressed": String(isShown), title: "Draw this surface", click: () => {
        model.set(isShown ? { surface: null } : { surface: key, mode: "surface" });
        this.onDone();
      } }, el("span", { class: "m" }, name), el("span", { class: state === "failed" ? "fail-ink f12" : "t2 f12" }, words),
        isPending && el("progress", { max: 1, ...(state === "running" ? { value: progress } : {}), "aria-label": `${name}: ${words}` })),
      state === "done" && act("download", `Download ${name} as STL`, () => void this.#download(surface, model)),
      act(isPending ? "close" : "delete", isPending ? `Stop making ${name}` : `Delete ${name}`, () => {
        if (model.state.surface === key) model.set({ surface: null });
        void model.shelf.remove(key);
        this.onDone();
      }));
  }

  async #download(surface: KeptSurface, model: VolumeModel): Promise<void> {
    this.onSay("The STL file is coming");
    const stl = await model.shelf.stl(surface.key);
    if (stl === null) return;
    const address = URL.createObjectURL(new Blob([stl], { type: "model/stl" }));
    // Named after what it is, never after whom.
    const link = el("a", { href: address, download: `surface-${surface.key.slice(0, 8)}.stl`, hidden: true });
    this.element.append(link);
    link.click();
    link.remove();
    window.setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }
}
