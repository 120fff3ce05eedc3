/** The volume's panel: preset and threshold, from where it is seen, the clipping box. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { Made } from "../ground/made";
import { formatNumber } from "../ground/numbers";
import { boxFields } from "./clipBox";
import { BOX_FACES, type VolumeModel } from "./model";
import { volumePresetsFor } from "./presets";
import { SIDES } from "./state";
import { SurfacesSection } from "./surfacesPanel";

const typed = (text: string): number => Number(text.replace("−", "-").replaceAll("\u2009", "").trim() || NaN);

export class VolumePanel {
  readonly element = el("section", { class: "volume-panel", "aria-label": "Volume", hidden: true });
  readonly #preset = el("select", { "aria-label": "Preset of the volume" });
  readonly #slider = el("input", { type: "range", "aria-label": "Shift of the preset" });
  readonly #number = el("input", { inputmode: "decimal", "aria-label": "Shift of the preset, as a number" });
  readonly #unit = el("span", { class: "k" });
  readonly #what = el("span", { class: "t2" });
  readonly #box: ReturnType<typeof boxFields>;
  readonly #showBox = el("button", { class: "btn s", "aria-pressed": "false", title: "Handles on the picture (b)" }, icon("square", "s"), "Handles");
  readonly #surfaces: SurfacesSection;
  #model: VolumeModel | null = null;
  #presets = "";
  readonly #made = new Made();

  /** `onDone` runs when something was changed here to its end. */
  constructor(readonly onDone: () => void, onSay: (words: string) => void) {
    const head = (title: string, ...rest: Node[]): HTMLElement => el("div", { class: "ph" }, el("span", { class: "ttl" }, title), el("span", { class: "grow" }), ...rest);
    const button = (words: string, title: string, shape: "reset", run: (model: VolumeModel) => void): HTMLElement =>
      el("button", { class: "btn s q", title, click: () => this.#do(run) }, icon(shape, "s"), words);
    this.#box = boxFields((axis, end, place) => this.#do((model) => model.moveFace(axis, end, place)));
    this.#surfaces = new SurfacesSection(onDone, onSay);
    const sides = el("div", { class: "seg sides", role: "group", "aria-label": "Seen from" }, ...SIDES.map(({ side, name }) =>
      el("button", { class: "opt", "aria-label": `Seen ${name}`, title: `Seen ${name} (o: the next)`, click: () => this.#do((model) => model.lookFrom(side)) }, side)));
    this.element.append(
      head("Volume", button("Reset", "Camera, preset, box (Space)", "reset", (model) => model.reset(true))),
      el("div", { class: "sec" },
        el("label", { class: "num" }, el("span", { class: "k grow" }, "Preset"), this.#preset),
        el("div", { class: "row g2" }, this.#what, el("span", { class: "grow" })),
        el("div", { class: "row g3" }, this.#slider, el("label", { class: "num amount" }, this.#number, this.#unit)),
        el("div", { class: "row g2" }, el("span", { class: "t2 grow" }, "Seen from"), sides)),
      el("div", { class: "hr" }),
      head("Clipping box", this.#showBox, button("Whole", "Draw all of the volume", "reset", (model) => model.set({ clip_mm: null }))),
      el("div", { class: "sec" }, this.#box.element),
      el("div", { class: "hr" }), this.#surfaces.element, el("div", { class: "hr" }));
    this.#showBox.addEventListener("click", () => this.#model?.toggleBox());
    this.#preset.addEventListener("change", () => this.#do((model) => model.set({ preset: this.#preset.value, shift: 0, mode: "volume" })));
    this.#slider.addEventListener("input", () => {
      this.#model?.setMoving(true);
      this.#amount(Number(this.#slider.value));
    });
    this.#slider.addEventListener("change", () => {
      this.#model?.setMoving(false);
      this.#do((model) => model.set({}));
    });
    this.#number.addEventListener("change", () => this.#do(() => this.#amount(typed(this.#number.value))));
    for (const input of [this.#slider, this.#number, this.#preset]) input.addEventListener("keydown", (event) => event.stopPropagation());
  }

  #do(act: (model: VolumeModel) => void): void {
    if (this.#model === null) return;
    act(this.#model);
    this.#made.forget(); // a field may hold what was not taken
    this.onDone();
  }

  /** Set the shift, or a surface's threshold. */
  #amount(value: number): void {
    const model = this.#model;
    if (model === null || !Number.isFinite(value)) return;
    if (model.state.mode === "surface") model.set({ level: value, surface: null });
    else model.set({ shift: value });
  }

  /** Show a model; null hides the panel. */
  show(model: VolumeModel | null): void {
    this.#model = model;
    this.element.hidden = model === null || model.data.volume === null || model.stack === null;
    if (model === null || model.stack === null || this.element.hidden) return;
    const { state, stack, clip } = model;
    this.#surfaces.show(model);
    const root = this.element.getRootNode() as Document | ShadowRoot;
    // Asked for at each picture: what a turn changes is not shown here.
    if (!this.#made.isNew(model, stack, model.preset, model.level, state.mode, state.shift, ...model.span, ...clip.flat(), model.showsBox, root.activeElement)) return;
    this.#fillPresets(model);
    this.#preset.value = model.preset?.name ?? "";
    const isSurface = state.mode === "surface";
    const [low, high] = model.span;
    const [least, most] = isSurface ? [low, high] : [-(high - low) / 4, (high - low) / 4];
    this.#what.textContent = isSurface ? "Surface above" : state.mode === "mip" ? "Highest value on each ray, in the window" : "Preset shifted by";
    const isAmount = state.mode !== "mip";
    for (const element of [this.#slider, this.#number.parentElement as HTMLElement]) element.hidden = !isAmount;
    const value = isSurface ? model.level : state.shift;
    Object.assign(this.#slider, { min: String(least), max: String(most), step: String((most - least) / 600) });
    for (const [input, words] of [[this.#slider, isSurface ? "Threshold" : "Shift of the preset"], [this.#number, isSurface ? "Threshold, as a number" : "Shift of the preset, as a number"]] as const) input.setAttribute("aria-label", words);
    if (root.activeElement !== this.#slider || !model.isMoving) this.#slider.value = String(value);
    const digits = most - least >= 100 ? 0 : 3;
    if (root.activeElement !== this.#number) this.#number.value = formatNumber(value, digits);
    this.#unit.textContent = stack.units ?? "";
    this.#showBox.setAttribute("aria-pressed", String(model.showsBox));
    this.#showBox.classList.toggle("on", model.showsBox);
    this.#box.inputs.forEach((input, i) => {
      const [axis, end] = BOX_FACES[i] as (typeof BOX_FACES)[number];
      if (root.activeElement !== input) input.value = formatNumber(clip[axis][end], 1, { fixed: true });
    });
  }

  #fillPresets(model: VolumeModel): void {
    const presets = model.stack === null ? [] : volumePresetsFor(model.stack);
    const key = presets.map(({ name }) => name).join();
    if (key === this.#presets) return;
    this.#presets = key;
    this.#preset.replaceChildren(...presets.map(({ name, label }, i) => el("option", { value: name }, `${i + 1}  ${label}`)));
  }
}
