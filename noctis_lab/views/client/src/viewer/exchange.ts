/** The view's state as Python, an address and a saved session know it: gathered, told, taken over. */
import type { Overlays } from "../overlay/overlays";
import type { Volumes } from "../volume3d/panes";
import type { Grid, Layout } from "./grid";
import type { Links } from "./links";
import type { Planes } from "./planes";
import type { PlotDock } from "./plotDock";
import { sameView, type ViewState, withActive } from "./state";

/** Everything that is part of the state. */
export interface ExchangeHost {
  readonly grid: Grid;
  readonly links: Links;
  readonly planes: Planes;
  readonly volumes: Volumes;
  readonly overlays: Overlays;
  readonly plots: PlotDock;
  /** A state was taken over. */
  onHeard(): void;
}

const REST_MS = 150;

/** Whether a layout shows a volume that planes and the view from outside share: its time is theirs. */
const hasVolume = ({ planes, volume }: Layout): boolean => planes !== undefined || volume === true;

export class Exchange {
  /** What was said last, by this side or by Python. */
  #said: ViewState | null = null;
  #isHearing = false;
  #restTimer = 0;

  /** `onReport` tells Python. */
  constructor(readonly host: ExchangeHost, readonly onReport: (state: ViewState) => void) {}

  /** Everything that Python and an address know of the view. */
  get state(): ViewState {
    const { grid, links, planes, volumes, overlays, plots } = this.host;
    const { layout } = grid;
    const panes = grid.panes.map((pane) => pane.told);
    return {
      ...grid.pane.told, layout: layout.name, panes: panes.length > 1 ? panes : [], active: grid.active, link: links.now,
      mpr: hasVolume(layout) ? planes.state : null, volume: layout.volume ? volumes.state : volumes.said, overlay: overlays.state, plot: plots.plot,
    };
  }

  /** Take over a state from outside (Python): the active pane's part at the top level counts before that under `panes`. */
  apply(state: Partial<ViewState>): void {
    const { grid, links, planes, volumes, overlays, plots } = this.host;
    const active = state.active ?? grid.active;
    const panes = withActive(state.panes ?? [], active, state);
    this.#said = { ...this.state, ...state };
    this.#isHearing = true;
    try {
      links.now = state.link ?? links.now;
      if (state.layout !== undefined && state.layout !== grid.layout.name) grid.arrange(state.layout, active, panes);
      else grid.activate(active);
      panes.forEach((pane, i) => { if (i !== active) grid.panes[i]?.apply(pane); });
      if (panes[active]) grid.pane.apply(panes[active]); // last: what is linked follows it
      if (state.mpr && hasVolume(grid.layout)) planes.restore(state.mpr);
      // The panes have their series by now: one that opens another begins anew.
      if (state.volume !== undefined) volumes.restore(state.volume, grid.pane.state);
      if (state.overlay !== undefined) overlays.apply(state.overlay);
      if (state.plot !== undefined) plots.show(state.plot);
    } finally {
      this.#isHearing = false;
    }
    this.host.onHeard();
    clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => this.report(), REST_MS); // what was left to this side
  }

  /** Take over a state that Python does not know either: an address's, a saved session's. */
  restore(state: ViewState): void {
    this.apply({ plot: "", volume: null, ...state });
    this.#said = null;
  }

  /** Tell Python, unless that is what it knows; nothing before the first image. */
  report(): void {
    const { state, host: { grid, planes } } = this;
    if (this.#isHearing || planes.isDragging || grid.pane.stack === null || (this.#said !== null && sameView(state, this.#said))) return;
    this.#said = state;
    this.onReport(state);
  }

  close(): void {
    clearTimeout(this.#restTimer);
  }
}
