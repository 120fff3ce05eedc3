/** What stands around a plane's image: its name, what is said of it, the slab's switch. */
import { el } from "../ground/dom";
import type { PlaneFrame, PlaneName } from "./model";
import { Choice, ModelStage, write } from "./modelStage";
import type { Projection } from "./slab";

export const PROJECTIONS: readonly { how: Projection; name: string }[] = [
  { how: "max", name: "MIP" }, { how: "mean", name: "Mean" }, { how: "min", name: "MinIP" },
];

export const projectionName = (how: Projection): string => PROJECTIONS.find((item) => item.how === how)?.name ?? "";

export const titleOf = (name: PlaneName): string => name.charAt(0).toUpperCase() + name.slice(1);

export interface PlaneStageEvents {
  /** null: no slab. */
  onProjection(how: Projection | null): void;
  onMaximise(): void;
}

export class PlaneStage extends ModelStage {
  readonly #words: HTMLElement;
  readonly #window: HTMLElement;
  readonly #switch: Choice<Projection | "off">;

  constructor(name: PlaneName, over: SVGElement, events: PlaneStageEvents) {
    const [words, corner] = [el("span"), el("div", { class: "ct bl" })];
    const choice = new Choice<Projection | "off">(`Slab of the ${name} plane`, "data-how", [
      ...PROJECTIONS.map(({ how, name: label }) => ({ value: how, name: label })), { value: "off", name: "Off" },
    ], (how) => events.onProjection(how === "off" ? null : how));
    super({
      class: `plane ${name}`, plane: name, label: `${titleOf(name)} plane`, over: [over], corner, tools: [choice.element],
      head: [el("span", { class: `swatch ${name}` }), el("b", {}, titleOf(name)), words], alone: "Show this plane alone", onMaximise: () => events.onMaximise(),
    });
    [this.#words, this.#window, this.#switch] = [words, corner, choice];
  }

  /** Write what the plane is: where, how oblique, how thick. */
  caption(words: string, { slab_mm, projection }: PlaneFrame, window_: string): void {
    write(this.#words, words);
    write(this.#window, window_);
    this.element.classList.toggle("slab", slab_mm > 0);
    this.#switch.show(slab_mm > 0 ? projection : "off");
  }
}
