/** What lies over the images of a view: which overlay, how it is shown, its labels, and the colouring of canvases. */
import type { Badge } from "../ground/badges";
import type { Probe } from "../ground/plane";
import { messageOf, type StackDescription } from "../ground/transport";
import { indexAt } from "../mpr/geometry";
import { PlanePane } from "../mpr/pane";
import type { Pane } from "../viewer/pane";
import { blend, type Colours, coloursOf } from "./blend";
import { labelsAt } from "./labels";
import { CanvasLabels, PlaneVoxels, putFrame, putPlane, voxelsOfFrame } from "./onCanvas";
import { OverlayPanel } from "./panel";
import { isSource, type OverlayDescription } from "./source";
import { defaultOverlay, type OverlayState, sameOverlay } from "./state";
import { LabelStore } from "./store";
import type { FrameOnCanvas, PlaneOnCanvas, Tint } from "./tint";
import { OverlayTools } from "./tools";

export interface OverlayHost {
  readonly mode: "page" | "cell";
  readonly viewer: Pane;
  readonly grid: { readonly panes: readonly Pane[] };
  onSay(words: string): void;
  /** How something is shown changed here. */
  onOverlays(): void;
}

/** What lies over one state of a series. */
interface Listed {
  descriptions: OverlayDescription[];
  failure: string | null;
}

/** Images before and after the one in view whose labels are fetched too. */
const AHEAD = 12;
/** A pixel and a half of the screen: seen on any image, and not in the way. */
const OUTLINE_PX = 1.5;

export class Overlays implements Tint {
  readonly panel: OverlayPanel;
  readonly tools: OverlayTools;
  #state: OverlayState | null;
  readonly #lists = new Map<string, Listed | "asked">();
  readonly #stores = new Map<string, LabelStore>();
  readonly #failures = new Map<LabelStore, string>();
  readonly #canvas = new CanvasLabels();
  readonly #voxels = new WeakMap<Pane, PlaneVoxels>();
  #colours: { of: OverlayDescription; hidden: readonly number[]; colours: Colours } | null = null;
  #isClosed = false;

  constructor(readonly host: OverlayHost, state: OverlayState | null) {
    this.#state = state;
    this.panel = new OverlayPanel(this);
    this.tools = new OverlayTools(this);
  }

  /** What Python and an address know of it; null: nothing was chosen. */
  get state(): OverlayState | null {
    return this.#state;
  }

  /** How things are shown, chosen or not. */
  get how(): OverlayState {
    return this.#state ?? defaultOverlay();
  }

  /** What can lie over the active pane's series. */
  get listed(): readonly OverlayDescription[] {
    return this.#listOf(this.host.viewer)?.descriptions ?? [];
  }

  /** What lies over a pane, shown or hidden. */
  chosen(pane: Pane = this.host.viewer): OverlayDescription | null {
    const found = this.#listOf(pane)?.descriptions ?? [];
    const { overlay } = this.how;
    // A mask lives as long as the view that it was laid over: whoever opens a session has another one, or none.
    const isOpen = overlay === "" || overlay.startsWith("mask-");
    return found.find((item) => item.overlay === overlay) ?? (isOpen ? (found.find((item) => item.refusal === null) ?? found[0] ?? null) : null);
  }

  // -- changes ---------------------------------------------------------------------------------

  /** Take over a state from outside. */
  apply(state: OverlayState | null): void {
    if (sameOverlay(state, this.#state)) return;
    const isNew = state !== null && state.overlay !== "" && state.overlay !== this.how.overlay;
    this.#state = state;
    // What Python holds in memory is not listed yet.
    if (isNew && !this.listed.some(({ overlay }) => overlay === state.overlay)) this.#relist();
    this.#changed();
  }

  /** Change it from this side. */
  set(change: Partial<OverlayState>): void {
    const overlay = this.chosen()?.overlay ?? this.how.overlay;
    const isOther = change.overlay !== undefined && change.overlay !== overlay;
    this.#state = { ...this.how, overlay, ...(isOther ? { hidden: [] } : {}), ...change };
    this.#changed();
    this.host.onOverlays();
  }

  toggle(): void {
    if (this.listed.length === 0) {
      this.host.onSay("Nothing lies over this series: no segmentation, mask or overlay plane");
      return;
    }
    this.set({ shown: !this.how.shown });
    this.host.onSay(this.how.shown ? "Overlay shown" : "Overlay hidden");
  }

  toggleSegment(number: number): void {
    const { hidden } = this.how;
    this.set({ hidden: hidden.includes(number) ? hidden.filter((other) => other !== number) : [...hidden, number].sort((a, b) => a - b) });
  }

  // -- what the viewer says --------------------------------------------------------------------

  /** A pane shows a series: find out what can lie over it. */
  onStack(pane: Pane): void {
    const { stack, transport } = pane;
    const key = keyOf(pane);
    if (stack === null || key === null || stack.frames.length === 0 || !isSource(transport) || this.#lists.has(key)) {
      this.#refresh();
      return;
    }
    this.#lists.set(key, "asked");
    this.#refresh();
    transport.overlays(stack).then(
      (descriptions) => this.#onListed(key, { descriptions, failure: null }),
      (error: unknown) => this.#onListed(key, { descriptions: [], failure: messageOf(error) }),
    );
  }

  /** Other panes stand there, or another one is active. */
  onArranged(): void {
    for (const store of this.#stores.values()) store.keepFor(this.host.grid.panes);
    this.#refresh();
  }

  close(): void {
    this.#isClosed = true;
    for (const store of this.#stores.values()) store.close();
    this.#stores.clear();
    this.#lists.clear();
  }

  /** Name the segments under a place of a pane. */
  named(pane: Pane, probe: Probe | null): Probe | null {
    const [found, at] = [this.#shown(pane), probe === null ? null : placeOf(pane, probe)];
    if (probe === null || found === null || at === null) return probe;
    const [column, row, image] = at;
    const names = labelsAt(found.store.layers(image) ?? [], column, row).flatMap((label) => {
      const segment = found.description.segments[label - 1];
      return segment === undefined || this.how.hidden.includes(segment.number) ? [] : [segment.label];
    });
    return names.length === 0 ? probe : { ...probe, note: [probe.note, names.join(", ")].filter((part) => part).join(" · ") };
  }

  // -- colouring -------------------------------------------------------------------------------

  key(pane: Pane): string {
    const found = this.#shown(pane);
    if (found === null) return "";
    const { opacity, style, hidden } = this.how;
    return `${found.description.revision} ${found.store.version} ${opacity} ${style} ${hidden.join()}`;
  }

  frame(pane: Pane, pixels: Uint32Array, at: FrameOnCanvas): void {
    const found = this.#shown(pane);
    if (found === null) return;
    found.store.want(pane, around(at.index, found.store.stack.frames.length));
    const layers = found.store.layers(at.index);
    if (layers === null || layers.length === 0) return;
    const voxels = voxelsOfFrame(at);
    for (const layer of layers) {
      putFrame(layer, voxels, this.#canvas);
      this.#blend(pane, pixels, found.description);
    }
  }

  plane(pane: Pane, pixels: Uint32Array, { volume, grid, sampled, isNew }: PlaneOnCanvas): void {
    const found = this.#shown(pane);
    if (found === null) return;
    const { full } = volume;
    let voxels = this.#voxels.get(pane);
    if (voxels === undefined || isNew) {
      voxels ??= new PlaneVoxels();
      this.#voxels.set(pane, voxels);
      voxels.find(full, grid, sampled.cover);
    }
    const images = (slice: number): number => full.frames[slice] as number;
    found.store.want(pane, outwards(voxels.first, voxels.last).map(images));
    const { store } = found;
    for (let number = 0; putPlane((slice) => store.layers(images(slice)), number, voxels, grid, full.columns, this.#canvas); number += 1) {
      this.#blend(pane, pixels, found.description);
    }
  }

  #blend(pane: Pane, pixels: Uint32Array, description: OverlayDescription): void {
    const { hidden, opacity, style } = this.how;
    if (this.#colours?.of !== description || this.#colours.hidden !== hidden) {
      this.#colours = { of: description, hidden, colours: coloursOf(description.segments, new Set(hidden)) };
    }
    blend(pixels, this.#canvas, this.#colours.colours, { opacity, style, outline: Math.max(1, Math.round(OUTLINE_PX * pane.pixelRatio)) });
  }

  // -- lists and stores ------------------------------------------------------------------------

  #listOf(pane: Pane): Listed | null {
    const key = keyOf(pane);
    const found = key === null ? undefined : this.#lists.get(key);
    return found === undefined || found === "asked" ? null : found;
  }

  #onListed(key: string, listed: Listed): void {
    if (this.#isClosed) return;
    this.#lists.set(key, listed);
    this.#changed();
  }

  /** Ask again what lies over the series in view. */
  #relist(): void {
    for (const pane of this.host.grid.panes) {
      const key = keyOf(pane);
      if (key !== null && this.#lists.get(key) !== "asked") this.#lists.delete(key);
    }
    for (const pane of this.host.grid.panes) this.onStack(pane);
  }

  /** What is shown over a pane, and its labels; null: nothing is. */
  #shown(pane: Pane): { description: OverlayDescription; store: LabelStore } | null {
    const description = this.how.shown ? this.chosen(pane) : null;
    const [{ stack, transport }, key] = [pane, keyOf(pane)];
    if (description === null || description.refusal !== null || stack === null || key === null || !isSource(transport)) return null;
    const name = `${key} ${description.overlay} ${description.revision}`;
    let store = this.#stores.get(name);
    if (store === undefined) {
      store = this.#open(name, stack, description, transport);
      this.#stores.set(name, store);
    }
    return { description, store };
  }

  #open(name: string, stack: StackDescription, description: OverlayDescription, source: Parameters<typeof isSource>[0]): LabelStore {
    // What nobody looks at any more makes room.
    for (const [other, { isWanted }] of this.#stores) if (!isWanted && other !== name) this.#drop(other);
    const store: LabelStore = new LabelStore(stack, description, source as never, {
      onLanded: () => this.#repaint(),
      onFailed: (message) => { this.#failures.set(store, message); this.#refresh(); },
      onStale: () => { this.#drop(name); this.#relist(); },
    });
    return store;
  }

  #drop(name: string): void {
    const store = this.#stores.get(name);
    if (store === undefined) return;
    store.close();
    this.#failures.delete(store);
    this.#stores.delete(name);
  }

  #repaint(): void {
    for (const pane of this.host.grid.panes) pane.invalidate?.();
    this.#badges();
  }

  #changed(): void {
    for (const store of this.#stores.values()) store.keepFor([]); // who shows it wants it again
    for (const pane of this.host.grid.panes) pane.invalidate?.();
    this.#refresh();
  }

  #refresh(): void {
    if (this.#isClosed) return;
    this.panel.refresh();
    this.tools.refresh();
    this.#badges();
  }

  #badges(): void {
    for (const pane of this.host.grid.panes) pane.badges?.set("overlay", this.#badgesOf(pane));
  }

  #badgesOf(pane: Pane): Badge[] {
    const list = this.#listOf(pane);
    // Once for the three planes, as what is said of their volume.
    if (list === null || (pane instanceof PlanePane && pane.name !== "axial")) return [];
    const found: Badge[] = [];
    const refused = list.descriptions.filter(({ refusal }) => refusal !== null);
    if (refused.length > 0) {
      found.push({
        kind: "warn", icon: "warn", text: refused.length === 1 ? "SEG not shown" : `${refused.length} SEGs not shown`,
        sentence: refused.slice(0, 3).map(({ name, refusal }) => `${name}: ${refusal ?? ""}.`).join(" "),
      });
    }
    if (list.failure !== null) found.push({ kind: "fail", icon: "warn", text: "Overlays not read", sentence: list.failure });
    const shown = this.#shown(pane);
    if (shown === null) return found;
    const { note, name } = shown.description;
    if (note !== null) found.push({ kind: "info", icon: "info", text: shown.description.kind === "OVERLAY" ? "Some overlays" : "SEG resampled", sentence: note });
    const failure = this.#failures.get(shown.store);
    if (failure !== undefined) found.push({ kind: "fail", icon: "warn", text: "Overlay incomplete", sentence: `${name}: ${failure}` });
    if (shown.store.isFull) {
      found.push({ kind: "warn", icon: "warn", text: "Overlay in part", sentence: "Its labels over this volume take more memory than there is for them: on some slices they are not shown. Hide planes, or look at the images slice by slice." });
    }
    return found;
  }
}

/** What tells a series in one state from all others. */
function keyOf({ stack, state }: Pane): string | null {
  return stack === null ? null : `${state.StudyInstanceUID} ${stack.SeriesInstanceUID} ${stack.revision ?? ""}`;
}

/** Return (column, row, image) of the voxel nearest to a place. */
function placeOf(pane: Pane, { voxel, patient_mm }: Probe): [number, number, number] | null {
  if (voxel !== null) return voxel;
  const volume = pane instanceof PlanePane ? pane.model.volume : null;
  if (volume === null || patient_mm === null) return null;
  const [column, row, slice] = indexAt(volume.full, patient_mm).map((part) => Math.floor(part + 0.5 + 1e-9)) as [number, number, number];
  const image = volume.full.frames[slice];
  return image === undefined ? null : [column, row, image];
}

function around(index: number, count: number): number[] {
  const images = [index];
  for (let away = 1; away <= AHEAD; away += 1) images.push(index + away, index - away);
  return images.filter((image) => image >= 0 && image < count);
}

/** Return the numbers from first to last, from the middle outwards. */
function outwards(first: number, last: number): number[] {
  const middle = (first + last) / 2;
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => first + i).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
}
