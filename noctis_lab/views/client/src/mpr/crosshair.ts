/** The crosshair over a plane: the other planes' lines, a centre to drag, handles that turn and that set a slab. */
import { svg } from "../ground/dom";
import { Made } from "../ground/made";
import { type MprModel, normalOf, PLANE_NAMES, type PlaneName } from "./model";
import { cross, dot, length, minus, type Vector } from "./vectors";

const GAP = 14;
const INSET = 18;
const HIT = 12;

/** What the crosshair needs to know of the pane that it lies over. */
export interface CrosshairHost {
  readonly name: PlaneName;
  readonly model: MprModel;
  readonly element: HTMLElement;
  /** The screen's directions in the patient. */
  readonly axes: { right: Vector; down: Vector };
  /** CSS px of a place, and back onto the plane. */
  toCanvas(place: Vector): [number, number];
  toPlane(x: number, y: number): Vector;
  /** CSS px of one mm. */
  readonly scale: number;
  /** Whether the left button draws: handles leave it alone. */
  readonly isMeasuring: boolean;
  /** Something was dragged to its end. */
  onDragged(): void;
}

type Grip = { kind: "move" } | { kind: "turn"; plane: PlaneName } | { kind: "slab"; plane: PlaneName };

interface Drag {
  grip: Grip;
  pointer: number;
  angle: number;
}

/** Where a plane's line runs on the canvas. */
interface Line {
  plane: PlaneName;
  x: number;
  y: number;
}

export class Crosshair {
  readonly element = svg("svg", { class: "cross", "aria-hidden": true });
  #drag: Drag | null = null;
  #centre: [number, number] = [0, 0];
  #lines: Line[] = [];
  readonly #made = new Made();

  constructor(readonly host: CrosshairHost) {
    this.element.addEventListener("pointerdown", (event) => this.#down(event));
    this.element.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"] as const) this.element.addEventListener(name, (event) => this.#up(event));
    // A double click on a handle is not one on the image.
    this.element.addEventListener("dblclick", (event) => event.stopPropagation());
  }

  get isDragging(): boolean {
    return this.#drag !== null;
  }

  /** Draw it anew for a canvas of so many CSS px. */
  draw(width: number, height: number): void {
    const { model } = this.host;
    this.#centre = this.host.toCanvas(model.crosshair);
    this.#lines = PLANE_NAMES.flatMap((plane) => (plane === this.host.name ? [] : this.#lineOf(plane)));
    const drawn = this.#lines.flatMap(({ plane, x, y }) => [plane, x, y, model.planes[plane].slab_mm]);
    if (!this.#made.isNew(width, height, this.host.scale, ...this.#centre, ...drawn)) return;
    this.element.setAttribute("width", String(width));
    this.element.setAttribute("height", String(height));
    const reach = Math.hypot(width, height) + Math.abs(this.#centre[0]) + Math.abs(this.#centre[1]);
    this.element.replaceChildren(
      ...this.#lines.flatMap((line) => this.#drawLine(line, reach)),
      this.#part("circle", { cx: this.#centre[0], cy: this.#centre[1], r: HIT, class: "hit move" }, { kind: "move" }),
      ...this.#lines.flatMap((line) => this.#drawHandles(line, width, height)));
  }

  clear(): void {
    this.#made.forget();
    this.element.replaceChildren();
  }

  /** Planes cross in a line; parallel ones do not. */
  #lineOf(plane: PlaneName): Line[] {
    const { model, axes } = this.host;
    const direction = cross(normalOf(model.planes[plane]), cross(axes.right, axes.down));
    const size = length(direction);
    if (size < 1e-6) return [];
    return [{ plane, x: dot(direction, axes.right) / size, y: dot(direction, axes.down) / size }];
  }

  #drawLine({ plane, x, y }: Line, reach: number): SVGElement[] {
    const [cx, cy] = this.#centre;
    const stroke = (side: 1 | -1, offset: number, gap: number, kind: string): SVGElement => svg("path", {
      d: `M${cx - y * offset + side * x * gap} ${cy + x * offset + side * y * gap}L${cx - y * offset + side * x * reach} ${cy + x * offset + side * y * reach}`,
      class: `${plane} ${kind}`,
    });
    const drawn = ([1, -1] as const).flatMap((side) => [stroke(side, 0, GAP, "halo"), stroke(side, 0, GAP, "line")]);
    const half = (this.host.model.planes[plane].slab_mm / 2) * this.host.scale;
    if (half > 0) for (const offset of [half, -half]) drawn.push(...([1, -1] as const).map((side) => stroke(side, offset, 0, "edge")));
    return drawn;
  }

  #drawHandles(line: Line, width: number, height: number): SVGElement[] {
    const { plane, x, y } = line;
    const [cx, cy] = this.#centre;
    const wanted = Math.min(Math.abs(x) * width * 0.34 + Math.abs(y) * height * 0.36, 260);
    const half = (this.host.model.planes[plane].slab_mm / 2) * this.host.scale;
    return ([1, -1] as const).flatMap((side) => {
      const far = Math.min(wanted, room(cx, cy, side * x, side * y, width, height) - INSET);
      if (far < 2 * GAP) return [];
      const at = (along: number, across: number): [number, number] => [cx + side * x * along - y * across, cy + side * y * along + x * across];
      const turn = { kind: "turn", plane } as const;
      const [tx, ty] = at(far, 0);
      const handles = [
        this.#part("circle", { cx: tx, cy: ty, r: HIT, class: "hit turn" }, turn),
        svg("circle", { cx: tx, cy: ty, r: 5, class: `${plane} grip` }),
      ];
      for (const across of half > 0 ? [half, -half] : [7, -7]) {
        const [sx, sy] = at(far / 2, across);
        handles.push(
          svg("rect", { x: sx - 3.5, y: sy - 3.5, width: 7, height: 7, rx: 1.5, class: `${plane} grip ${half > 0 ? "" : "idle"}` }),
          this.#part("rect", { x: sx - 8, y: sy - 8, width: 16, height: 16, class: "hit slab" }, { kind: "slab", plane }));
      }
      return handles;
    });
  }

  #part(tag: "circle" | "rect", attributes: Record<string, string | number>, grip: Grip): SVGElement {
    return svg(tag, { ...attributes, "data-grip": grip.kind, "data-plane": grip.kind === "move" ? "" : grip.plane });
  }

  // -- dragging ---------------------------------------------------------------------------------

  #place(event: PointerEvent): [number, number] {
    const box = this.host.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #angle([x, y]: [number, number]): number {
    return Math.atan2(y - this.#centre[1], x - this.#centre[0]);
  }

  #down(event: PointerEvent): void {
    const { grip, plane } = (event.target as SVGElement).dataset as { grip?: Grip["kind"]; plane?: string };
    if (grip === undefined || event.button !== 0 || this.host.isMeasuring) return;
    event.stopPropagation();
    this.host.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const found = (grip === "move" ? { kind: grip } : { kind: grip, plane: plane as PlaneName }) as Grip;
    this.#drag = { grip: found, pointer: event.pointerId, angle: this.#angle(this.#place(event)) };
    this.host.model.setDragging(true);
  }

  #move(event: PointerEvent): void {
    const drag = this.#drag;
    if (drag === null || drag.pointer !== event.pointerId) return;
    event.stopPropagation();
    const { model, name, axes } = this.host;
    const at = this.#place(event);
    if (drag.grip.kind === "move") {
      model.moveTo(this.host.toPlane(...at));
    } else if (drag.grip.kind === "slab") {
      this.#drawSlab(drag.grip.plane, at);
    } else {
      const angle = this.#angle(at);
      const by = angle - drag.angle;
      drag.angle = angle;
      const turned = event.shiftKey ? PLANE_NAMES.filter((plane) => plane !== name) : [drag.grip.plane];
      for (const plane of turned) model.turn(plane, cross(axes.right, axes.down), by);
    }
  }

  /** A slab is as thick as twice the distance of what is dragged from the line. */
  #drawSlab(plane: PlaneName, at: [number, number]): void {
    const { model } = this.host;
    const offset = minus(this.host.toPlane(...at), model.crosshair);
    const thickness = 2 * Math.abs(dot(offset, normalOf(model.planes[plane])));
    const least = model.volume?.full.step_mm ?? 1;
    model.setPlane(plane, { slab_mm: thickness < least / 2 ? 0 : Math.round(thickness * 10) / 10 });
  }

  #up(event: PointerEvent): void {
    if (this.#drag === null || this.#drag.pointer !== event.pointerId) return;
    event.stopPropagation();
    this.#drag = null;
    this.host.model.setDragging(false);
    this.host.onDragged();
  }
}

/** Return how far it is from a point along a direction to the border of a box. */
function room(x: number, y: number, dx: number, dy: number, width: number, height: number): number {
  const across = dx > 0 ? (width - x) / dx : dx < 0 ? -x / dx : Infinity;
  const along = dy > 0 ? (height - y) / dy : dy < 0 ? -y / dy : Infinity;
  return Math.min(across, along);
}

const REST_MS = 150;

/** Shift and the mouse move the crosshair, with no button or with one; no other drag begins then. What draws keeps its button. Returns how to stop. */
export function followShift(host: CrosshairHost, isDragging: () => boolean): () => void {
  const { element, model } = host;
  let timer = 0;
  const follow = (event: PointerEvent): void => {
    const box = element.getBoundingClientRect();
    model.setDragging(true);
    model.moveTo(host.toPlane(event.clientX - box.left, event.clientY - box.top));
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      model.setDragging(false);
      host.onDragged();
    }, REST_MS);
  };
  element.addEventListener("pointermove", (event) => {
    if (event.shiftKey && !isDragging() && model.volume !== null && !(host.isMeasuring && event.buttons !== 0)) follow(event);
  });
  element.addEventListener("pointerdown", (event) => {
    const isControl = event.target instanceof Element && event.target.closest("button, .hit") !== null;
    if (!event.shiftKey || event.button !== 0 || isControl || model.volume === null || host.isMeasuring) return;
    event.stopImmediatePropagation();
    element.focus({ preventScroll: true });
    follow(event);
  });
  return () => clearTimeout(timer);
}
