/** What stands around a volume's picture: what is drawn and how finely, the switch of how it is drawn, its settings. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { Choice, ModelStage, write } from "../mpr/modelStage";
import { type Mode, MODES } from "./state";

export interface VolumeStageEvents {
  onMode(mode: Mode): void;
  onMaximise(): void;
  onSettings(): void;
}

export class VolumeStage extends ModelStage {
  readonly settings: HTMLButtonElement;
  readonly #title: HTMLElement;
  readonly #words: HTMLElement;
  readonly #quality: HTMLElement;
  readonly #switch: Choice<Mode>;

  /** `over` lies above the picture. */
  constructor(over: readonly SVGElement[], events: VolumeStageEvents) {
    const [title, words, quality] = [el("b", {}, "Volume"), el("span"), el("div", { class: "ct bl quality" })];
    const choice = new Choice("How the volume is drawn", "data-mode", MODES.map(({ mode, name }) => ({ value: mode, name })), (mode) => events.onMode(mode));
    const settings = el("button", { class: "ib s", "aria-label": "Settings of the volume", title: "Presets, threshold, box, surfaces", click: () => events.onSettings() }, icon("window", "s"));
    super({
      class: "volume3d", plane: "volume", label: "Volume", over, corner: quality, tools: [choice.element, settings],
      head: [title, words], alone: "Show the volume alone", onMaximise: () => events.onMaximise(),
    });
    [this.settings, this.#title, this.#words, this.#quality, this.#switch] = [settings, title, words, quality, choice];
  }

  /** Write what is drawn, and how finely. */
  caption(mode: Mode, words: string, quality: string): void {
    write(this.#title, MODES.find((item) => item.mode === mode)?.name ?? "");
    write(this.#words, words);
    write(this.#quality, quality);
    this.#switch.show(mode);
  }
}
