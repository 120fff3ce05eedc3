/** What the viewer's app does with volumes seen from outside: it makes their pane, shows their panel, knows their state. */
import { el } from "../ground/dom";
import type { MprModel } from "../mpr/model";
import { VolumeModel } from "./model";
import { VolumePane, type VolumePaneEvents } from "./pane";
import { VolumePanel } from "./panel";
import { readVolume, type VolumeState } from "./state";
import type { SurfaceSource } from "./surfaces";

export interface VolumesHost {
  readonly mode: "page" | "cell";
  /** The study of the view's series. */
  readonly homeStudy: string;
  report(): void;
  onSay(words: string): void;
}

export class Volumes {
  /** In a page's side panel; in a cell over the picture. */
  readonly panel: VolumePanel;
  #model: VolumeModel | null = null;
  #pane: VolumePane | null = null;
  #settings: HTMLElement | null = null;
  #drawing = 0;

  /** `wanted` is what the view began with. */
  constructor(readonly host: VolumesHost, readonly source: SurfaceSource | null, private wanted: VolumeState | null) {
    this.panel = new VolumePanel(() => host.report(), (words) => host.onSay(words));
  }

  /** What is seen; of a pane that is gone, what was seen last. */
  get state(): VolumeState | null {
    return this.#model?.state ?? null;
  }

  make(data: MprModel, study: string, events: Omit<VolumePaneEvents, "onSettings" | "onSay">): VolumePane {
    const before = this.#model?.data.SeriesInstanceUID === data.SeriesInstanceUID ? this.#model.state : null;
    const model = new VolumeModel(data, readVolume(this.wanted) ?? before, this.source, () => study || this.host.homeStudy, () => this.host.report());
    this.wanted = null;
    this.#model = model;
    const onPainted = (): void => { events.onPainted(); this.refresh(); };
    const pane = new VolumePane(model, { ...events, onPainted, onSettings: () => this.#toggleSettings(), onSay: (words) => this.host.onSay(words) });
    this.#pane = pane;
    this.#settings = null;
    model.listen(() => this.refresh());
    return pane;
  }

  /** Take over a state from outside; one that is unsound is left. */
  restore(said: unknown): void {
    const state = readVolume(said);
    if (state === null) return;
    if (this.#model === null || this.#model.data.isClosed) this.wanted = state;
    else if (!this.#model.isMoving && this.#pane?.isTurning !== true) this.#model.set(state); // else what is done here counts
  }

  /** Show the panel, or hide it where there is no volume; once for each frame of the screen. */
  refresh(): void {
    if (this.#drawing === 0) this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      this.panel.show(this.#pane !== null && this.#pane.element.isConnected ? this.#model : null);
    });
  }

  close(): void {
    cancelAnimationFrame(this.#drawing);
  }

  /** A cell has no side panel: the settings stand over the picture. */
  #toggleSettings(): void {
    if (this.#pane === null) return;
    const stage = this.#pane.element;
    if (this.#settings !== null) {
      this.#settings.remove();
      this.#settings = null;
      this.#pane.focus();
      return;
    }
    this.#settings = el("div", { class: "settings pop", role: "dialog", "aria-label": "Settings of the volume" }, this.panel.element);
    for (const event of ["pointerdown", "wheel", "dblclick"]) this.#settings.addEventListener(event, (each) => each.stopPropagation());
    this.#settings.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#toggleSettings();
      event.stopPropagation();
    });
    stage.append(this.#settings);
    this.refresh();
    this.#settings.querySelector<HTMLElement>("select, button, input")?.focus();
  }
}
