/** Measuring by keyboard alone: tools by their keys, a cursor that sets points, shapes that are moved. */
import type { ImagePlane } from "../ground/plane";
import type { Point } from "./area";
import { handlesOf } from "./handles";
import type { MeasuredPane } from "./host";
import type { Measuring } from "./measuring";
import { pointsOn } from "./seen";
import { factsOf, type Kind, KINDS } from "./shapes";

const KIND_OF_KEY = new Map<string, Kind>(KINDS.map(({ key, kind }) => [key, kind]));
const FAST = 10;
const STEPS: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keys {
  constructor(readonly measuring: Measuring) {}

  /** Handle a key; true if it was for measuring. */
  key(event: KeyboardEvent): boolean {
    const { key } = event;
    if (event.ctrlKey || event.metaKey) return !event.altKey && this.#command(key.toLowerCase(), event.shiftKey);
    const step = STEPS[key];
    if (event.altKey) return step !== undefined && step[1] !== 0 && this.#slice(step[1]);
    if (step !== undefined) return this.#step(step, event.shiftKey ? FAST : 1);
    if (key === "Enter") return this.#enter();
    if (key === "Escape") return this.#cancel();
    if (key === "Backspace" || key === "Delete") return this.#remove();
    if (key === "Tab") return this.#nextHandle(event.shiftKey ? -1 : 1);
    if (key === "n" || key === "N") return this.#next(key === "n" ? 1 : -1);
    const kind = KIND_OF_KEY.get(key);
    if (kind === undefined) return false;
    this.take(kind);
    return true;
  }

  /** Take a tool by its key: the cursor comes out where it was, or in the middle. */
  take(kind: Kind): void {
    const { measuring } = this;
    const { pane } = measuring.host;
    measuring.cancel();
    if (measuring.host.kind !== kind) measuring.host.onTool(kind);
    pane.focus();
    const plane = pane.plane();
    if (plane !== null && measuring.cursor?.pane !== pane) measuring.setCursor({ pane, at: middleOf(pane, plane) });
    measuring.say(`${factsOf(kind).name}: ${factsOf(kind).hint}. Arrow keys move the cursor, Enter sets a point.`, true);
  }

  #command(key: string, isShifted: boolean): boolean {
    if (key !== "z" && key !== "y") return false;
    this.measuring.undo(key === "y" || isShifted);
    return true;
  }

  /** The arrows move the cursor: with Alt they go through the slices as ever. */
  #slice(count: number): true {
    this.measuring.host.onStep(count);
    return true;
  }

  #step([right, down]: Point, count: number): boolean {
    const { measuring } = this;
    const { cursor, grab } = measuring;
    if (grab !== null && this.#isHeldByKeys) return this.#moveHeld(grab.pane, [right * count, down * count]);
    const plane = cursor?.pane.plane();
    if (!cursor || !plane) return false;
    const [dx, dy] = stepOn(plane, [right * count, down * count]);
    const at: Point = [cursor.at[0] + dx, cursor.at[1] + dy];
    measuring.setCursor({ pane: cursor.pane, at });
    measuring.follow(at);
    if (measuring.draft === null) this.#sayPlace(at);
    return true;
  }

  #sayPlace([column, row]: Point): void {
    this.measuring.say(`column ${Math.round(column)}, row ${Math.round(row)}`, false);
  }

  /** How far what is held was moved, in voxels. */
  #moved: Point = [0, 0];
  #isHeldByKeys = false;

  #moveHeld(pane: MeasuredPane, by: Point): boolean {
    const plane = pane.plane();
    const { grab } = this.measuring;
    if (plane === null || grab === null) return false;
    const [dx, dy] = stepOn(plane, by);
    this.#moved = [this.#moved[0] + dx, this.#moved[1] + dy];
    this.measuring.moveHeld(this.#moved);
    return true;
  }

  #enter(): boolean {
    const { measuring } = this;
    const { cursor, draft, host } = measuring;
    if (measuring.grab !== null && this.#isHeldByKeys) {
      this.#isHeldByKeys = false;
      measuring.letGo();
      return true;
    }
    if (cursor !== null && host.kind !== null) {
      if (draft?.canClose && isSame(draft.last, cursor.at)) measuring.finish();
      else if (!isSame(draft?.last ?? null, cursor.at)) measuring.place(cursor.pane, host.kind, cursor.at);
      return true;
    }
    if (draft?.canClose) {
      measuring.finish();
      return true;
    }
    return this.#hold();
  }

  /** Take hold of the shape that is selected. */
  #hold(): boolean {
    const { measuring } = this;
    const { selected, host } = measuring;
    const plane = host.pane.plane();
    if (selected === null || plane === null || !measuring.on(plane).includes(selected)) return false;
    this.#moved = [0, 0];
    this.#isHeldByKeys = true;
    measuring.hold(host.pane, selected, null);
    measuring.say("Arrow keys move it, Tab takes its handles, Enter lets it go", true);
    return true;
  }

  #nextHandle(count: 1 | -1): boolean {
    const { measuring } = this;
    const { grab } = measuring;
    const plane = grab?.pane.plane();
    if (!grab || !plane || !this.#isHeldByKeys) return false;
    const places = handlesOf(grab.now.kind, pointsOn(grab.now, plane)).length + 1; // the whole is one of them
    const next = ((grab.handle ?? -1) + 1 + count + places) % places;
    this.#moved = [0, 0];
    measuring.holdBy(next === 0 ? null : next - 1);
    measuring.say(next === 0 ? "the whole" : `handle ${next} of ${places - 1}`, true);
    return true;
  }

  #cancel(): boolean {
    this.#isHeldByKeys = false;
    return this.measuring.cancel();
  }

  /** Give the tool back, or the selection up; false if there is neither. */
  leave(): boolean {
    const { measuring } = this;
    if (measuring.host.kind !== null) {
      measuring.setCursor(null);
      measuring.host.onTool(null);
      return true;
    }
    if (measuring.selected === null) return false;
    measuring.select(null);
    return true;
  }

  #remove(): boolean {
    const { measuring } = this;
    if (measuring.unplace()) return true;
    if (measuring.selected === null) return false;
    this.#isHeldByKeys = false;
    measuring.host.onDelete(measuring.selected);
    return true;
  }

  /** Select the next one on the image in view. */
  #next(count: 1 | -1): boolean {
    const { measuring } = this;
    const plane = measuring.host.pane.plane();
    const found = plane === null ? [] : measuring.on(plane);
    if (found.length === 0) {
      measuring.host.onSay("Nothing is measured on this image");
      return true;
    }
    const at = found.findIndex((item) => item.MeasurementUID === measuring.selected?.MeasurementUID);
    const next = found[at < 0 ? (count > 0 ? 0 : found.length - 1) : (at + count + found.length) % found.length];
    if (next !== undefined) {
      measuring.select(next.MeasurementUID);
      measuring.sayMeasured(next);
    }
    return true;
  }
}

const isSame = (one: Point | null, other: Point): boolean => one !== null && one[0] === other[0] && one[1] === other[1];

/** Return the voxel at a pane's middle. */
function middleOf({ element }: MeasuredPane, plane: ImagePlane): Point {
  const [column, row] = plane.toVoxel(element.clientWidth / 2, element.clientHeight / 2);
  return [Math.round(column), Math.round(row)];
}

/** Return what one step on the screen is in voxels: one of them, or more where they are smaller than a pixel. */
function stepOn(plane: ImagePlane, [right, down]: Point): Point {
  const [origin, across] = [plane.toVoxel(0, 0), plane.toVoxel(1, 0)];
  const below = plane.toVoxel(0, 1);
  const whole = (value: number): number => Math.sign(value) * Math.max(Math.round(Math.abs(value)), Math.abs(value) > 1e-6 ? 1 : 0);
  return [
    right * whole(across[0] - origin[0]) + down * whole(below[0] - origin[0]) || 0,
    right * whole(across[1] - origin[1]) + down * whole(below[1] - origin[1]) || 0,
  ];
}
