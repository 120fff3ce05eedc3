/** The planes' panel: where the crosshair is and what is there, how planes lie, how thick the slab is. */
import { copyText } from "../ground/clipboard";
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatNumber } from "../ground/numbers";
import { letters } from "../viewer/geometry";
import { formatPlace, formatValue } from "../viewer/status";
import { indexAt, type VolumeGeometry } from "./geometry";
import { type MprModel, normalOf, obliquity, ORTHOGONAL, PLANE_NAMES, type PlaneFrame, type PlaneName } from "./model";
import { FAILED, GAP, INSIDE, MISSING, valueAt } from "./plane";
import { titleOf } from "./planeStage";
import { cross, length, type Vector } from "./vectors";

const MOST_ON_SLIDER_MM = 40;

export class PlanePanel {
  readonly element = el("section", { class: "plane-panel", "aria-label": "Planes", hidden: true });
  readonly #place = el("span", { class: "m" });
  readonly #voxel = el("span");
  readonly #value = el("span");
  readonly #geometry = el("div", { class: "kv" });
  readonly #planes = el("div", { class: "kv" });
  readonly #slider = el("input", { type: "range", min: 0, max: MOST_ON_SLIDER_MM, step: 0.5, "aria-label": "Slab thickness" });
  readonly #number = el("input", { inputmode: "decimal", "aria-label": "Slab thickness in mm" });
  readonly #slabOf = el("span", { class: "f12 t2" });
  readonly #extra = el("input", { type: "range", min: 0, step: 1, "aria-label": "Time, echo or b-value" });
  readonly #extraWords = el("span", { class: "f12 t2" });
  readonly #along: HTMLElement;
  #model: MprModel | null = null;
  #active: PlaneName = "axial";
  #described: VolumeGeometry | null = null;
  #drawn: MprModel["planes"] | null = null;

  /** `onDone` runs when something was changed here to its end. */
  constructor(readonly onDone: () => void) {
    const head = (title: string, ...rest: Node[]): HTMLElement => el("div", { class: "ph" }, el("span", { class: "ttl" }, title), el("span", { class: "grow" }), ...rest);
    const copy = el("button", { class: "ib s", "aria-label": "Copy the crosshair's place", title: "Copy", click: () => void copyText(this.#model?.crosshair.map((part) => part.toFixed(2)).join(", ") ?? "") }, icon("copy", "s"));
    const reset = el("button", { class: "btn s q", title: "Orthogonal, thin, through the middle (x)", click: () => { this.#model?.resetPlanes(); this.onDone(); } }, icon("reset", "s"), "Reset planes");
    this.#along = el("div", { hidden: true }, head("Along the series", this.#extraWords), el("div", { class: "sec row g3", title: "{ } or Alt and the wheel: the one before, after" }, this.#extra), el("div", { class: "hr" }));
    this.element.append(
      this.#along, head("Crosshair", copy),
      el("div", { class: "kv" }, el("span", {}, "Patient, mm"), this.#place, el("span", {}, "Voxel x, y, z"), this.#voxel, el("span", {}, "Value"), this.#value),
      el("div", { class: "hr" }), head("Geometry", el("span", { class: "f12 t2" }, "from positions")), this.#geometry,
      el("div", { class: "hr" }), head("Planes", reset), this.#planes,
      el("div", { class: "hr" }), head("Slab", this.#slabOf),
      el("div", { class: "sec row g3" }, this.#slider, el("label", { class: "num slab-mm" }, this.#number, el("span", { class: "k" }, "mm"))),
      el("div", { class: "hr" }));
    this.#slider.addEventListener("input", () => {
      this.#model?.setDragging(true);
      this.#thicken(Number(this.#slider.value));
    });
    this.#slider.addEventListener("change", () => {
      this.#model?.setDragging(false);
      this.onDone();
    });
    this.#number.addEventListener("change", () => {
      this.#thicken(Number(this.#number.value.replace("−", "-")));
      this.onDone();
    });
    this.#extra.addEventListener("input", () => this.#model?.stepExtra(Number(this.#extra.value) - this.#model.extraIndex));
    this.#extra.addEventListener("change", () => this.onDone());
    for (const input of [this.#slider, this.#number, this.#extra]) input.addEventListener("keydown", (event) => event.stopPropagation());
  }

  #thicken(slab_mm: number): void {
    if (Number.isFinite(slab_mm)) this.#model?.setPlane(this.#active, { slab_mm });
  }

  /** Show a model, and the slab of the plane that is active; null hides the panel. */
  show(model: MprModel | null, active: PlaneName | null): void {
    this.#model = model;
    if (active !== null) this.#active = active;
    this.element.hidden = model === null || model.volume === null;
    if (model === null || model.volume === null) return;
    const { volume, crosshair, stack } = model;
    this.#along.hidden = model.extraSize < 2;
    this.#extraWords.textContent = model.extraWords ?? "";
    Object.assign(this.#extra, { max: String(model.extraSize - 1), value: String(model.extraIndex) });
    this.#extra.setAttribute("aria-valuetext", model.extraWords ?? "");
    this.#place.textContent = formatPlace([...crosshair] as [number, number, number]);
    this.#voxel.textContent = indexAt(volume.full, crosshair).map((part) => formatNumber(part, 1, { fixed: true })).join(", ");
    const { value, cover } = valueAt(volume, crosshair);
    const words = { [GAP]: "in a gap", [MISSING]: "not here yet", [FAILED]: "could not be read" }[cover] ?? "outside";
    this.#value.textContent = cover === INSIDE ? `${formatValue(value * volume.slope + volume.intercept)} ${stack?.units ?? ""}`.trim() : words;
    if (this.#described !== volume.full) { // of another time too
      this.#described = volume.full;
      this.#geometry.replaceChildren(...geometryRows(volume.full));
    }
    if (this.#drawn !== model.planes) this.#planes.replaceChildren(...PLANE_NAMES.flatMap((name) => planeRow(name, model.planes[name])));
    this.#drawn = model.planes;
    this.#slabOf.textContent = `${this.#active} pane`;
    const { slab_mm } = model.planes[this.#active];
    const root = this.element.getRootNode() as Document | ShadowRoot;
    if (root.activeElement !== this.#slider) this.#slider.value = String(Math.min(slab_mm, MOST_ON_SLIDER_MM));
    if (root.activeElement !== this.#number) this.#number.value = formatNumber(slab_mm, 1, { fixed: true });
  }
}

function planeRow(name: PlaneName, frame: PlaneFrame): HTMLElement[] {
  const lean = obliquity(name, frame);
  const words = lean < 0.05 ? el("span", { class: "t3" }, "orthogonal") : el("span", {}, `${formatNumber(lean, 1, { fixed: true })}° about ${axisName(name, frame)}`);
  return [el("span", { class: "row g2" }, el("span", { class: `swatch ${name}` }), titleOf(name)), words];
}

/** The patient's letter of the axis that a plane is turned about. */
function axisName(name: PlaneName, frame: PlaneFrame): string {
  const axis: Vector = cross(normalOf(ORTHOGONAL[name]), normalOf(frame));
  return length(axis) < 1e-9 ? "" : letters([...axis] as [number, number, number]);
}

function geometryRows(geometry: VolumeGeometry): HTMLElement[] {
  const { frames, spacing_mm: [row, column], step_mm, shear_deg, isGap, isRegular } = geometry;
  const gaps = isGap.reduce((sum, gap) => sum + gap, 0);
  const row_ = (key: string, value: string): HTMLElement[] => [el("span", {}, key), el("span", {}, value)];
  return [
    ...row_("Slices", `${frames.length}, ${gaps === 0 ? "none missing" : gaps === 1 ? "1 gap" : `${gaps} gaps`}`),
    ...row_("Spacing, mm", `${formatNumber(row, 3)} × ${formatNumber(column, 3)} × ${formatNumber(step_mm, 3)}`),
    ...(shear_deg >= 0.1 ? row_("Shear", `${formatNumber(Math.tan((shear_deg * Math.PI) / 180), 3)} = tan ${formatNumber(shear_deg, 1)}°`) : []),
    ...row_("Stack", `${isRegular ? "regular" : "uneven"}${shear_deg >= 0.1 ? ", sheared" : ""}`),
  ];
}
