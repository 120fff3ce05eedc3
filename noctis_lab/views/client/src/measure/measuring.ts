/** Measuring in the viewer: what is drawn, selected and changed, over all panes. */
import { el } from "../ground/dom";
import type { ImagePlane } from "../ground/plane";
import type { Point } from "./area";
import { Draft } from "./draft";
import { handlesOf, shifted } from "./handles";
import type { MeasuredPane, MeasuringHost } from "./host";
import { askLabel } from "./labelInput";
import { liftOf, type Mark, marksOn } from "./marks";
import { Overlay, type Shown } from "./overlay";
import { isRegion, Regions, roundBox } from "./regions";
import { isOn, isSamePlane, measuredOn, passOf, placedOn, pointsOn, toldPoints } from "./seen";
import { factsOf, type Kind, type Measurement, newUID } from "./shapes";
import { type MeasurementSource, MeasurementStore } from "./store";
import { figureLines, spoken } from "./words";

/** A shape that mouse or keyboard holds: by a handle, or as a whole (null). */
export interface Grab {
  pane: MeasuredPane;
  /** What it was taken on: the pane may show another image before it is let go. */
  plane: ImagePlane;
  before: Measurement;
  handle: number | null;
  /** The shape's points when it was taken, in the voxels of the pane's plane. */
  points: readonly Point[];
  /** As it is now. */
  now: Measurement;
}

export class Measuring {
  readonly store: MeasurementStore;
  /** Says figures to those who do not see them. */
  readonly live = el("div", { class: "unseen", role: "status", "aria-live": "polite" });
  readonly #overlays = new Map<MeasuredPane, Overlay>();
  /** How far labels were moved: they stay so as long as the page is open. */
  readonly #offsets = new Map<string, Point>();
  #selected: string | null = null;
  #draft: { pane: MeasuredPane; draft: Draft; plane: ImagePlane } | null = null;
  #grab: Grab | null = null;
  /** The keyboard's place, in voxels of a pane's plane. */
  #cursor: { pane: MeasuredPane; at: Point } | null = null;
  #version = 0;
  #redraw = 0;
  #liveTimer = 0;
  #isClosed = false;
  readonly #regions: Regions;

  constructor(readonly host: MeasuringHost, source: MeasurementSource | null) {
    this.#regions = new Regions((region) => {
      host.onRegion(region);
      this.changed();
    });
    this.store = new MeasurementStore(source, {
      onChange: () => this.changed(),
      onUnsaved: (words) => host.onSay(`Not saved: ${words}`),
      onListFailed: (words) => host.onSay(`Measurements could not be read: ${words}`),
    });
  }

  get selected(): Measurement | null {
    return this.#grab?.before.MeasurementUID === this.#selected ? (this.#grab?.now ?? null) : this.store.find(this.#selected) ?? this.#regions.find(this.#selected);
  }

  get draft(): Draft | null {
    return this.#draft?.draft ?? null;
  }

  get grab(): Grab | null {
    return this.#grab;
  }

  get cursor(): { pane: MeasuredPane; at: Point } | null {
    return this.#cursor;
  }

  // -- what the viewer says --------------------------------------------------------------------

  /** A pane shows another image, or the same elsewhere. */
  onPainted(pane: MeasuredPane): void {
    if (this.#draft?.pane === pane && !isSamePlane(this.#draft.plane, pane.plane())) this.cancel();
    this.#draw(pane);
  }

  /** A pane shows another series. */
  onSeries(pane: MeasuredPane, SeriesInstanceUID: string): void {
    void this.store.open(this.host.studyOf(pane), SeriesInstanceUID);
  }

  /** A pane is gone. */
  forget(pane: MeasuredPane): void {
    this.#overlays.get(pane)?.element.remove();
    this.#overlays.delete(pane);
    if (this.#draft?.pane === pane) this.#draft = null;
    if (this.#grab?.pane === pane) this.#grab = null;
    if (this.#cursor?.pane === pane) this.#cursor = null;
  }

  close(): void {
    cancelAnimationFrame(this.#redraw);
    clearTimeout(this.#liveTimer);
    this.#isClosed = true;
    this.store.close();
  }

  // -- drawing a new one -----------------------------------------------------------------------

  /** Set a point of the shape that is being drawn, or begin one. */
  place(pane: MeasuredPane, kind: Kind, point: Point): void {
    const plane = pane.plane();
    if (plane === null) return;
    if (this.#draft !== null && (this.#draft.pane !== pane || this.#draft.draft.kind !== kind)) this.#draft = null;
    this.#draft ??= { pane, draft: new Draft(kind), plane };
    const { draft } = this.#draft;
    draft.place(point);
    if (draft.isComplete) this.finish();
    else this.changed();
  }

  follow(point: Point): void {
    this.#draft?.draft.follow(point);
    this.changed();
  }

  trail(point: Point): void {
    this.#draft?.draft.trail(point);
    this.changed();
  }

  /** End the shape that is being drawn; nothing is left of one that is not whole. */
  finish(): void {
    const drawn = this.#draft;
    this.#draft = null;
    if (drawn === null || !(drawn.draft.isComplete || drawn.draft.canClose)) {
      this.changed();
      return;
    }
    const { pane, draft, plane } = drawn;
    const measurement = this.#make(pane, plane, draft.kind, draft.closed());
    if (draft.kind === "text" || draft.kind === "arrow") this.#askFirstLabel(pane, plane, measurement);
    else this.#add(measurement);
  }

  #make(pane: MeasuredPane, plane: ImagePlane, kind: Kind, points: readonly Point[]): Measurement {
    const place = placedOn(points, plane);
    return {
      MeasurementUID: newUID(), kind, StudyInstanceUID: this.host.studyOf(pane), SeriesInstanceUID: plane.SeriesInstanceUID,
      FrameOfReferenceUID: plane.FrameOfReferenceUID, ...place, label: "", extra_index: plane.extra_index ?? null,
      values: measuredOn(kind, toldPoints(place, points, plane), plane),
    };
  }

  #add(measurement: Measurement): void {
    this.#selected = measurement.MeasurementUID;
    this.store.commit({ before: null, after: measurement });
    this.sayMeasured(measurement);
  }

  /** An arrow may have words, a text is nothing without. */
  #askFirstLabel(pane: MeasuredPane, plane: ImagePlane, measurement: Measurement): void {
    this.changed();
    const [point] = pointsOn(measurement, plane);
    if (point === undefined) return;
    askLabel(pane.element, plane.fromVoxel(...point), "", (label) => {
      if (label !== null && (label !== "" || measurement.kind === "arrow")) this.#add({ ...measurement, label });
      else this.changed();
      pane.focus();
    });
  }

  // -- changing one ----------------------------------------------------------------------------

  select(uid: string | null): void {
    if (uid === this.#selected) return;
    this.#selected = uid;
    this.changed();
  }

  /** Take a shape by a handle, or as a whole. */
  hold(pane: MeasuredPane, measurement: Measurement, handle: number | null): void {
    const plane = pane.plane();
    if (plane === null) return;
    this.#selected = measurement.MeasurementUID;
    this.#grab = { pane, plane, before: measurement, handle, points: pointsOn(measurement, plane), now: measurement };
    this.changed();
  }

  /** Hold the same shape by another handle; what was moved stays moved. */
  holdBy(handle: number | null): void {
    const plane = this.#grab?.pane.plane();
    if (!this.#grab || !plane || !isOn(this.#grab.now, plane)) return;
    this.#grab = { ...this.#grab, plane, handle, points: pointsOn(this.#grab.now, plane) };
    this.changed();
  }

  /** Move what is held, its handle or the whole, by so many voxels from where it was taken. */
  moveHeld(by: Point): void {
    const grab = this.#grab;
    const plane = grab?.pane.plane();
    if (!grab || !plane || !isOn(grab.before, plane)) return;
    const { kind } = grab.before;
    const handle = grab.handle === null ? undefined : handlesOf(kind, grab.points)[grab.handle];
    const moved = handle === undefined ? shifted(grab.points, by) : handle.moved([handle.at[0] + by[0], handle.at[1] + by[1]]);
    const points = isRegion(grab.before) && plane.geometry !== null ? roundBox(grab.points, moved, handle === undefined, plane.geometry) : moved;
    grab.now = { ...grab.before, ...placedOn(points, plane), values: measuredOn(kind, points, plane, "moving") };
    this.changed();
  }

  /** Let go of what is held, where it is now. */
  letGo(): void {
    const grab = this.#grab;
    this.#grab = null;
    if (!grab || grab.now === grab.before) {
      this.changed();
      return;
    }
    const inView = grab.pane.plane();
    const plane = inView !== null && isOn(grab.now, inView) ? inView : grab.plane;
    const after = { ...grab.now, values: measuredOn(grab.now.kind, pointsOn(grab.now, plane), plane) };
    if (!isRegion(after)) this.store.commit({ before: grab.before, after });
    else if (plane.geometry !== null) this.#regions.put(grab.before, after, plane.geometry);
    this.sayMeasured(after);
  }

  moveLabel(uid: string, by: Point): void {
    const [x, y] = this.#offsets.get(uid) ?? [0, 0];
    this.#offsets.set(uid, [x + by[0], y + by[1]]);
    this.changed();
  }

  rename(measurement: Measurement, label: string): void {
    if (label !== measurement.label) this.store.commit({ before: measurement, after: { ...measurement, label } });
  }

  remove(measurement: Measurement): void {
    if (this.#selected === measurement.MeasurementUID) this.#selected = null;
    this.#grab = null;
    if (isRegion(measurement)) {
      this.#regions.putBack(measurement);
      return;
    }
    this.store.commit({ before: measurement, after: null });
    this.say(`${factsOf(measurement.kind).name} deleted`, true);
  }

  undo(isRedo = false): void {
    this.#grab = null;
    this.#draft = null;
    const change = isRedo ? this.store.redo() : this.store.undo();
    if (change === null) this.host.onSay(isRedo ? "Nothing to do again" : "Nothing to take back");
    else if (change.after !== null) {
      this.#selected = change.after.MeasurementUID;
      this.host.onJump(change.after);
    } else this.#selected = null;
    this.changed();
  }

  /** Take back what is half done; false if nothing is. */
  cancel(): boolean {
    const wasBusy = this.#draft !== null || this.#grab !== null;
    this.#draft = null;
    this.#grab = null;
    if (wasBusy) this.changed();
    return wasBusy;
  }

  /** Take back the last point; the shape too, where it was the first. */
  unplace(): boolean {
    if (this.#draft === null) return false;
    if (!this.#draft.draft.unplace()) this.#draft = null;
    this.changed();
    return true;
  }

  setCursor(cursor: { pane: MeasuredPane; at: Point } | null): void {
    if (cursor === this.#cursor) return;
    this.#cursor = cursor;
    this.changed();
  }

  // -- showing ---------------------------------------------------------------------------------

  /** Draw these circles too; those that have a name may be moved. */
  mark(marks: readonly Mark[]): void {
    this.#regions.show(marks);
    this.changed();
  }

  /** What lies on the image in a pane, and can be held there. */
  on(plane: ImagePlane): Measurement[] {
    return [...this.store.ofSeries(plane.SeriesInstanceUID), ...this.#regions.on(plane, this.host.studyOf(this.host.pane))]
      .map((item) => (item.MeasurementUID === this.#grab?.before.MeasurementUID ? this.#grab.now : item)).filter((item) => isOn(item, plane));
  }

  overlay(pane: MeasuredPane): Overlay {
    let overlay = this.#overlays.get(pane);
    if (overlay === undefined) {
      overlay = new Overlay();
      this.#overlays.set(pane, overlay);
      pane.element.append(overlay.element);
      this.host.onInk(pane);
    }
    return overlay;
  }

  /** Draw all panes at the next frame of the screen. */
  changed(): void {
    this.#version += 1;
    if (this.#redraw === 0 && !this.#isClosed) this.#redraw = requestAnimationFrame(() => {
      this.#redraw = 0;
      for (const pane of this.host.panes) this.#draw(pane);
      this.#sayDrawn();
      this.host.onMeasured();
    });
  }

  #draw(pane: MeasuredPane): void {
    const plane = pane.plane();
    const overlay = this.overlay(pane);
    overlay.element.classList.toggle("on-white", this.host.isOnWhite(pane));
    overlay.draw(plane, this.#version, (drawn) => ({
      shapes: [...marksOn(this.#regions.fixedOn(drawn), drawn), ...this.on(drawn).map((item) => this.#shownOf(item, drawn)), ...this.#shownDraft(pane, drawn)],
      dots: this.#dots(drawn, this.host.reachOf(pane)),
      cursor: this.#cursor?.pane === pane ? this.#cursor.at : null,
    }));
  }

  #dots(plane: ImagePlane, reach_mm: number): Point[] {
    return this.store.ofSeries(plane.SeriesInstanceUID).map((item) => passOf(item, plane, reach_mm)).filter((point) => point !== null);
  }

  #shownOf(item: Measurement, plane: ImagePlane): Shown {
    const uid = item.MeasurementUID;
    const isHeld = this.#grab?.before.MeasurementUID === uid;
    const points = pointsOn(item, plane);
    const lines = isRegion(item) ? this.#regions.wordsOf(item) : figureLines(item);
    const [x, y] = this.#offsets.get(uid) ?? [0, 0];
    const lift = isRegion(item) && this.#regions.isAbove(item) ? liftOf(points as [Point, Point], plane, lines.length + 1) : 0;
    return {
      uid, kind: item.kind, points, isSelected: uid === this.#selected, title: item.label, lines,
      offset: [x, y + lift], heldHandle: isHeld ? (this.#grab?.handle ?? null) : null,
    };
  }

  #shownDraft(pane: MeasuredPane, plane: ImagePlane): Shown[] {
    if (this.#draft?.pane !== pane) return [];
    const { kind, points } = this.#draft.draft;
    const values = measuredOn(kind, points, plane, "moving");
    return [{ uid: null, kind, points, isSelected: true, title: "", lines: figureLines({ kind, values }), offset: [0, 0], heldHandle: null }];
  }

  /** Say the figures of what is moved by keyboard, once it rests. */
  #sayDrawn(): void {
    const plane = this.#cursor?.pane.plane();
    if (!this.#cursor || !plane || this.#draft === null) return;
    const { kind, points } = this.#draft.draft;
    this.say(figureLines({ kind, values: measuredOn(kind, points, plane, "moving") }).join(", "), false);
  }

  sayMeasured(measurement: Measurement): void {
    this.say(spoken(measurement), true);
  }

  say(words: string, isNow: boolean): void {
    clearTimeout(this.#liveTimer);
    if (this.#isClosed) return;
    this.#liveTimer = window.setTimeout(() => { this.live.textContent = words; }, isNow ? 0 : 400);
  }
}
