/** The clipping box on the picture: twelve edges, and a handle on each face that moves it. */
import { el, svg } from "../ground/dom";
import type { Vector } from "../mpr/vectors";
import { BOX_FACES, onScreen, type VolumeModel } from "./model";
import { letters } from "../viewer/geometry";

/** What the overlay needs of its pane. */
export interface BoxHost {
  readonly model: VolumeModel;
  /** mm of a CSS pixel. */
  readonly mmPerCssPixel: number;
  onDone(): void;
}

const AXES: readonly Vector[] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const TRIAD_PX = 30;

export class ClipBoxOverlay {
  readonly element = svg("svg", { class: "box3d", "aria-hidden": true });
  readonly triad = svg("svg", { class: "triad", viewBox: "-52 -52 104 104", "aria-hidden": true });
  #key = "";

  constructor(readonly host: BoxHost) {
    this.element.addEventListener("pointerdown", (event) => this.#down(event));
  }

  /** Draw the box on a pane of this size, CSS px. */
  draw(width: number, height: number): void {
    const { model } = this.host;
    this.#drawTriad();
    const { state, clip, centre } = model;
    const key = model.showsBox ? JSON.stringify([clip, centre, state.right, state.down, this.host.mmPerCssPixel, width, height]) : "";
    if (key === this.#key) return;
    this.#key = key;
    this.element.replaceChildren();
    if (key === "") return;
    this.element.setAttribute("width", String(width));
    this.element.setAttribute("height", String(height));
    const at = (place: Vector): [number, number] => {
      const [x, y] = onScreen(place, centre, state, this.host.mmPerCssPixel);
      return [x + width / 2, y + height / 2];
    };
    for (const [from, to] of edgesOf(clip)) {
      const [[x1, y1], [x2, y2]] = [at(from), at(to)];
      this.element.append(svg("line", { class: "edge halo", x1, y1, x2, y2 }), svg("line", { class: "edge", x1, y1, x2, y2 }));
    }
    for (const [axis, end] of BOX_FACES) {
      const middle = clip.map(([low, high]) => (low + high) / 2) as [number, number, number];
      middle[axis] = clip[axis][end];
      const [x, y] = at(middle);
      this.element.append(svg("circle", { class: "grip", cx: x, cy: y, r: 6 }), svg("circle", { class: "hit", cx: x, cy: y, r: 14, "data-axis": axis, "data-end": end }));
    }
  }

  /** Which way the patient lies: letters at the ends of three axes. */
  #drawTriad(): void {
    const { right, down } = this.host.model.state;
    const key = [...right, ...down].join();
    if (this.triad.dataset["key"] === key) return;
    this.triad.dataset["key"] = key;
    this.triad.replaceChildren(...AXES.flatMap((axis) => {
      // Of each axis the end that faces the eye, or else the usual one.
      const [x, y] = onScreen(axis, [0, 0, 0], { right, down }, 1 / TRIAD_PX);
      return [svg("line", { x1: 0, y1: 0, x2: x, y2: y }), svg("text", { x: x * 1.42, y: y * 1.42 + 4, "text-anchor": "middle" }, letters([...axis] as [number, number, number]))];
    }));
  }

  #down(event: PointerEvent): void {
    const target = event.target as SVGElement;
    const [axis, end] = [target.dataset["axis"], target.dataset["end"]];
    if (axis === undefined || end === undefined || event.button !== 0) return;
    event.stopPropagation();
    event.preventDefault();
    const [side, face] = [Number(axis) as 0 | 1 | 2, Number(end) as 0 | 1];
    const { model } = this.host;
    const [x, y] = onScreen(AXES[side] as Vector, [0, 0, 0], model.state, 1);
    const length = Math.hypot(x, y);
    const start = { x: event.clientX, y: event.clientY, place: model.clip[side][face] };
    // The axis nearly points at the eye: then up and down move it.
    const [ux, uy] = length < 0.15 ? [0, -1] : [x / length ** 2, y / length ** 2];
    model.setMoving(true);
    const onMove = (moved: PointerEvent): void => {
      const pixels = (moved.clientX - start.x) * ux + (moved.clientY - start.y) * uy;
      model.moveFace(side, face, start.place + pixels * this.host.mmPerCssPixel);
    };
    const onEnd = (): void => {
      window.removeEventListener("pointermove", onMove);
      for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, onEnd);
      model.setMoving(false);
      this.host.onDone();
    };
    window.addEventListener("pointermove", onMove);
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, onEnd);
  }
}

function edgesOf(clip: readonly (readonly [number, number])[]): [Vector, Vector][] {
  const corner = (code: number): Vector => clip.map((side, axis) => side[(code >> axis) & 1] as number) as unknown as Vector;
  return [0, 1, 2].flatMap((axis) => [0, 1, 2, 3, 4, 5, 6, 7].filter((code) => ((code >> axis) & 1) === 0).map((code): [Vector, Vector] => [corner(code), corner(code | (1 << axis))]));
}

/** The six numbers of the box; `onDone` runs when one was typed. */
export function boxFields(onTyped: (axis: 0 | 1 | 2, end: 0 | 1, value: number) => void): { element: HTMLElement; inputs: HTMLInputElement[] } {
  const names = [["Right", "Left"], ["Front", "Back"], ["Foot", "Head"]] as const;
  const inputs: HTMLInputElement[] = [];
  const element = el("div", { class: "box-fields" });
  names.forEach(([low, high], axis) => {
    const field = (end: 0 | 1): HTMLElement => {
      const input = el("input", { inputmode: "decimal", "aria-label": `Clipping box: ${end === 0 ? low : high} end, mm` });
      input.addEventListener("change", () => onTyped(axis as 0 | 1 | 2, end, Number(input.value.replace("−", "-"))));
      input.addEventListener("keydown", (event) => event.stopPropagation());
      inputs.push(input);
      return el("label", { class: "num" }, input, el("span", { class: "k" }, "mm"));
    };
    element.append(el("span", { class: "t2 f12" }, `${low} – ${high}`), field(0), field(1));
  });
  return { element, inputs };
}
