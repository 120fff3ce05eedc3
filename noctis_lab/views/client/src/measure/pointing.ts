/** Mouse and touch on the image: drawing, taking hold of what is drawn. */
import type { ImagePlane } from "../ground/plane";
import type { Point } from "./area";
import { squared } from "./draft";
import { distanceToLines, handlesOf, linesOf } from "./handles";
import type { MeasuredPane } from "./host";
import type { Measuring } from "./measuring";
import { pointsOn } from "./seen";
import { factsOf, type Kind, type Measurement } from "./shapes";

/** Of a mouse, a pen, a finger: CSS px. */
const REACH_PX = { handle: 8, line: 5 };
const TOUCH_REACH_PX = { handle: 20, line: 14 };
/** Moved less than this, a press was a click. */
const CLICK_PX = 4;
const DOUBLE_MS = 400;
/** A freehand line gets a point so often. */
const TRAIL_PX = 3;

interface Press {
  pane: MeasuredPane;
  /** Where it began, and where it was heard last, CSS px. */
  start: Point;
  last: Point;
  what: "draw" | "hold" | "label";
  uid: string | null;
}

/** What lies under the mouse. */
interface Hit {
  measurement: Measurement;
  handle: number | null;
}

export class Pointing {
  #press: Press | null = null;
  /** The last click, to know a second one by. */
  #click: { at: Point; time: number } = { at: [-1e9, -1e9], time: -1e9 };

  constructor(readonly measuring: Measuring) {}

  get isPressed(): boolean {
    return this.#press !== null;
  }

  /** The left button or a finger goes down at a point of a pane; false: it is not for measuring. */
  down(pane: MeasuredPane, event: PointerEvent, at: Point): boolean {
    this.#press = null; // the pane of the last one may have gone before it came up
    const plane = pane.plane();
    if (plane === null) return false;
    const { measuring } = this;
    measuring.setCursor(null);
    if (measuring.grab !== null) measuring.letGo(); // the keyboard held it
    const { kind } = measuring.host;
    const press = (what: Press["what"], uid: string | null = null): true => {
      this.#press = { pane, start: at, last: at, what, uid };
      return true;
    };
    if (measuring.draft === null) {
      const hit = this.#hit(plane, at, event.pointerType === "touch");
      if (hit !== null) {
        measuring.hold(pane, hit.measurement, hit.handle);
        return press("hold");
      }
      // Under a measuring tool a label is no obstacle.
      const labelled = kind === null ? measuring.overlay(pane).labelAt(at) : null;
      if (labelled !== null) {
        measuring.select(labelled);
        return press("label", labelled);
      }
      measuring.select(null);
    }
    if (kind === null) return false;
    this.#draw(pane, plane, kind, at, event);
    return press("draw");
  }

  #draw(pane: MeasuredPane, plane: ImagePlane, kind: Kind, at: Point, event: PointerEvent): void {
    const { measuring } = this;
    const { draft } = measuring;
    const isSecondClick = event.timeStamp - this.#click.time < DOUBLE_MS && distance(at, this.#click.at) < CLICK_PX + 1;
    this.#click = { at, time: event.timeStamp };
    if (draft?.canClose) {
      const first = draft.first && plane.fromVoxel(...draft.first);
      if (isSecondClick || (first && distance(at, first) < REACH_PX.handle)) {
        this.#click.time = -1e9;
        measuring.finish();
        return;
      }
    }
    const last = draft?.last && plane.fromVoxel(...draft.last);
    if (last && distance(at, last) < CLICK_PX) return; // a double click sets one point
    measuring.place(pane, kind, this.#bent(plane, plane.toVoxel(...at), event));
  }

  /** The mouse moves over a pane, pressed or not; false: it is not for measuring. */
  move(pane: MeasuredPane, event: PointerEvent, at: Point): boolean {
    const plane = pane.plane();
    if (plane === null) return false;
    const press = this.#press;
    if (press === null) {
      if (this.measuring.draft !== null) this.measuring.follow(this.#bent(plane, plane.toVoxel(...at), event));
      else this.#showWhatIsThere(pane, plane, at);
      return false;
    }
    if (press.pane !== pane) return true;
    const last = press.last;
    if (press.what === "label" && press.uid !== null) this.measuring.moveLabel(press.uid, [at[0] - last[0], at[1] - last[1]]);
    else if (press.what === "hold") this.#moveHeld(plane, press, at);
    else this.#drag(plane, press, at, event);
    if (press.what !== "draw" || this.measuring.draft?.isTrailing !== true || distance(at, last) >= TRAIL_PX) press.last = at;
    return true;
  }

  #moveHeld(plane: ImagePlane, press: Press, at: Point): void {
    if (distance(at, press.start) < CLICK_PX && this.measuring.grab?.now === this.measuring.grab?.before) return;
    const [from, to] = [plane.toVoxel(...press.start), plane.toVoxel(...at)];
    this.measuring.moveHeld([to[0] - from[0], to[1] - from[1]]);
  }

  #drag(plane: ImagePlane, press: Press, at: Point, event: PointerEvent): void {
    const { draft } = this.measuring;
    if (draft === null) return;
    if (draft.kind === "freehand" && distance(at, press.start) >= CLICK_PX) {
      if (distance(at, press.last) >= TRAIL_PX) this.measuring.trail(plane.toVoxel(...at));
    } else this.measuring.follow(this.#bent(plane, plane.toVoxel(...at), event));
  }

  /** The button comes up. */
  up(event: PointerEvent, at: Point): void {
    const press = this.#press;
    this.#press = null;
    if (press === null) return;
    const plane = press.pane.plane();
    const { measuring } = this;
    if (press.what === "hold") measuring.letGo();
    const { draft } = measuring;
    if (press.what !== "draw" || draft === null || plane === null || distance(at, press.start) < CLICK_PX) return;
    // Pressed, moved and released: the release sets a point too.
    if (draft.isTrailing) measuring.finish();
    else measuring.place(press.pane, draft.kind, this.#bent(plane, plane.toVoxel(...at), event));
  }

  /** A second finger, or the system, took the pointer away. */
  abandon(): void {
    this.#press = null;
    this.measuring.cancel();
  }

  /** With Shift a box is as wide as high. */
  #bent(plane: ImagePlane, to: Point, event: PointerEvent): Point {
    const { draft } = this.measuring;
    return event.shiftKey && draft !== null && factsOf(draft.kind).isBox && draft.first !== null ? squared(draft.first, to, plane.spacing_mm ?? [1, 1]) : to;
  }

  #showWhatIsThere(pane: MeasuredPane, plane: ImagePlane, at: Point): void {
    const isOver = this.#hit(plane, at, false) !== null || (this.measuring.host.kind === null && this.measuring.overlay(pane).labelAt(at) !== null);
    pane.element.classList.toggle("over-ink", isOver);
  }

  #hit(plane: ImagePlane, at: Point, isTouch: boolean): Hit | null {
    const reach = isTouch ? TOUCH_REACH_PX : REACH_PX;
    const found = this.measuring.on(plane);
    const { selected } = this.measuring;
    const isSelectedHere = selected !== null && found.some((item) => item.MeasurementUID === selected.MeasurementUID);
    if (selected !== null && isSelectedHere) {
      const handle = handlesOf(selected.kind, pointsOn(selected, plane)).findIndex((item) => distance(at, plane.fromVoxel(...item.at)) <= reach.handle);
      if (handle >= 0) return { measurement: selected, handle };
    }
    let [best, least] = [null as Measurement | null, reach.line];
    for (const item of found) {
      const points = pointsOn(item, plane);
      const lines = linesOf(item.kind, points).map((line) => line.map((point) => plane.fromVoxel(...point)));
      const away = lines.length > 0 ? distanceToLines(at, lines) : distance(at, plane.fromVoxel(...(points[0] as Point))) - 3;
      if (away <= least) [best, least] = [item, away];
    }
    return best === null ? null : { measurement: best, handle: null };
  }
}

const distance = ([x0, y0]: Point, [x1, y1]: Point): number => Math.hypot(x1 - x0, y1 - y0);
