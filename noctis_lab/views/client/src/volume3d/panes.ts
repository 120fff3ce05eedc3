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

/** A series by its study; the view's own study is the empty one. */
interface SeriesPlace {
  SeriesInstanceUID: string;
  StudyInstanceUID?: string;
}

/** How the view was opened. */
interface Opened extends SeriesPlace {
  volume?: VolumeState | null;
}

function saidOf(place: SeriesPlace, said: unknown): { place: SeriesPlace; state: VolumeState } | null {
  const state = readVolume(said);
  return state && { place, state };
}

export class Volumes {
  /** In a page's side panel; in a cell over the picture. */
  readonly panel: VolumePanel;
  #model: VolumeModel | null = null;
  #pane: VolumePane | null = null;
  #settings: HTMLElement | null = null;
  #drawing = 0;
  /** What was said of a series before a pane shows it. */
  #said: { place: SeriesPlace; state: VolumeState } | null;

  constructor(readonly host: VolumesHost, readonly source: SurfaceSource | null, readonly opened: Opened) {
    this.#said = saidOf(opened, opened.volume);
    this.panel = new VolumePanel(() => host.report(), (words) => host.onSay(words));
  }

  /** What is seen; of a pane that is gone, what was seen last. */
  get state(): VolumeState | null {
    return this.#model?.state ?? null;
  }

  /** How a pane will show it that is not there yet; null: nobody said. */
  get said(): VolumeState | null {
    return this.#said?.state ?? null;
  }

  /** Return a pane that shows a volume as was said before it, or as it was seen last, or as the view was opened with where that was of its series. */
  make(data: MprModel, events: Omit<VolumePaneEvents, "onSettings" | "onSay" | "onClosed">): VolumePane {
    const before = this.#model?.isOf(data) ? this.#model.state : null;
    const opened = data.isOf(this.opened) ? readVolume(this.opened.volume ?? null) : null;
    const said = this.#said !== null && data.isOf(this.#said.place) ? this.#said.state : null;
    this.#said = null;
    const model = new VolumeModel(data, said ?? before ?? opened, this.source, this.host.homeStudy, () => this.host.report());
    this.#model = model;
    const pane: VolumePane = new VolumePane(model, {
      ...events, onPainted: () => { events.onPainted(); this.refresh(); }, onSettings: () => this.#toggleSettings(), onSay: (words) => this.host.onSay(words),
      onClosed: () => { if (this.#pane === pane) [this.#pane, this.#settings] = [null, null]; }, // it holds pictures
    });
    this.#pane = pane;
    this.#settings = null;
    model.listen(() => this.refresh());
    return pane;
  }

  /**
   * Take over a state from outside; one that is unsound is left, and what is being done here counts.
   *
   * Where there is no volume yet, that of `place` begins with it.
   */
  restore(said: unknown, place: SeriesPlace): void {
    const taken = saidOf(place, said);
    if (this.#pane === null) this.#said = taken;
    else if (taken !== null && !this.#pane.isTurning && this.#model?.isMoving === false) this.#model.set(taken.state);
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
