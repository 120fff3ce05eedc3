/** What the viewer's app does with planes through a volume: it makes their panes, shows their panel, knows their state. */
import type { Transport } from "../ground/transport";
import { MprModel, type MprState, type PlaneName } from "../mpr/model";
import { type PlaneEvents, PlanePane } from "../mpr/pane";
import { PlanePanel } from "../mpr/panel";
import type { Grid } from "./grid";
import type { Pane } from "./pane";
import type { PaneState } from "./state";
import { Viewer } from "./viewer";

/** How the view was opened. */
interface Opened {
  /** Reaches the view's own study. */
  transport: Transport;
  state: Partial<PaneState> & { SeriesInstanceUID: string; mpr?: MprState | null };
}

export interface PlanesHost {
  readonly options: Opened;
  readonly grid: Grid;
  report(): void;
}

export class Planes {
  readonly panel: PlanePanel;
  #model: MprModel | null = null;
  #showing = 0;

  constructor(readonly host: PlanesHost) {
    this.panel = new PlanePanel(() => host.report());
  }

  /** Where they lie; of panes that are gone, where they lay last. */
  get state(): MprState | null {
    return this.#model?.state ?? null;
  }

  get isDragging(): boolean {
    return this.#model?.isDragging ?? false;
  }

  /** Return the volume that planes and the view from outside share; `images` shows it as it is stored. */
  dataOf(state: Partial<PaneState>, images: Pane | null): MprModel {
    if (this.#model === null || this.#model.isClosed) this.#model = modelFor(this.host.options, state, images, this.#model);
    return this.#model;
  }

  make(name: PlaneName, state: Partial<PaneState>, images: Pane | null, events: PlaneEvents): PlanePane {
    return new PlanePane(name, this.dataOf(state, images), state, events);
  }

  /** Show another series in all of them. */
  open(place: { SeriesInstanceUID: string; StudyInstanceUID?: string }): void {
    this.#model?.open(place);
  }

  /** Take over where they lie from outside; what is dragged here counts. */
  restore(state: MprState): void {
    if (!this.isDragging) this.#model?.restore(state);
  }

  /** Show the panel, or hide it where there are none; once for the three of a frame of the screen. */
  refresh(): void {
    if (this.#showing === 0) this.#showing = requestAnimationFrame(() => {
      this.#showing = 0;
      const { layout, pane } = this.host.grid;
      this.panel.show(layout.planes ? this.#model : null, pane instanceof PlanePane ? pane.name : null);
    });
  }

  close(): void {
    cancelAnimationFrame(this.#showing);
  }
}

/**
 * Return a model of the planes of a pane's series.
 *
 * They look as the pane does. They lie as those before them where these were of the series, or as the view was opened with where that is the series;
 * `images` gives what is in memory of it, and the slice on which the crosshair begins.
 */
export function modelFor({ transport, state: opened }: Opened, state: Partial<PaneState>, images: Pane | null, before: MprModel | null): MprModel {
  const place = { SeriesInstanceUID: state.SeriesInstanceUID || opened.SeriesInstanceUID, StudyInstanceUID: state.StudyInstanceUID ?? "" };
  const isOpened = place.SeriesInstanceUID === opened.SeriesInstanceUID && place.StudyInstanceUID === (opened.StudyInstanceUID ?? "");
  const earlier = before?.isOf(place) ? before.state : null;
  const planes = earlier ?? (isOpened ? (opened.mpr ?? null) : null);
  const isShown = images instanceof Viewer && images.state.SeriesInstanceUID === place.SeriesInstanceUID && images.state.StudyInstanceUID === place.StudyInstanceUID;
  // An address says where the crosshair stands; whoever comes from an image begins at that.
  const index = isShown && planes === earlier ? images.state.index : null;
  const known = isShown && images.stack !== null ? { stack: images.stack, store: images.store, index } : null;
  const { window = null, inverted = false, colormap = null } = state;
  return Object.assign(new MprModel(transport, place.SeriesInstanceUID, planes, known, place.StudyInstanceUID), { window, inverted, colormap });
}
