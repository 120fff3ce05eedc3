/** The ink over a pane: what is measured on the image in view. It draws what it is told and decides nothing. */
import { svg } from "../ground/dom";
import type { ImagePlane } from "../ground/plane";
import type { Point } from "./area";
import { handlesOf, linesOf } from "./handles";
import { factsOf, type Kind } from "./shapes";

/** One shape to draw, in the voxels of the plane in view. */
export interface Shown {
  /** null: it is being drawn. */
  uid: string | null;
  kind: Kind;
  points: readonly Point[];
  isSelected: boolean;
  /** Its name, and its figures. */
  title: string;
  lines: readonly string[];
  /** How far its label was moved from its own place, CSS px. */
  offset: Point;
  /** A handle that the keyboard holds. */
  heldHandle: number | null;
}

/** All that is drawn over a pane. */
export interface Scene {
  shapes: readonly Shown[];
  /** Where shapes of the images next to it pass by, in the plane's voxels. */
  dots: readonly Point[];
  /** The keyboard's place. */
  cursor: Point | null;
}

/** Where a label came to stand, CSS px from the pane's top left. */
export interface LabelBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const LINE_PX = 16;
const GAP_PX = 8;
const ARROW_PX = 10;

export class Overlay {
  readonly element = svg("svg", { class: "ink", "aria-hidden": true });
  readonly #labels = new Map<string, LabelBox>();
  #key = "";

  /** Draw anew where anything changed: shapes (told by their version), or where voxels lie on the screen. */
  draw(plane: ImagePlane | null, version: number, show: (plane: ImagePlane) => Scene): void {
    const key = plane === null ? "" : [version, plane.SOPInstanceUID, plane.frame, placeOf(plane.geometry), ...plane.fromVoxel(0, 0), ...plane.fromVoxel(100, 50),
      this.element.clientWidth, this.element.clientHeight].join();
    if (key === this.#key) return;
    this.#key = key;
    this.#labels.clear();
    this.element.replaceChildren();
    if (plane === null) return;
    const { shapes, dots, cursor } = show(plane);
    for (const dot of dots) {
      const [cx, cy] = plane.fromVoxel(...dot);
      this.element.append(svg("circle", { cx, cy, r: 3, class: "dot-ink" }));
    }
    for (const shape of shapes) this.element.append(this.#shape(plane, shape));
    if (cursor !== null) this.element.append(cursorAt(plane.fromVoxel(...cursor)));
  }

  /** Return the shape whose label lies under a point. */
  labelAt([x, y]: Point): string | null {
    for (const [uid, box] of this.#labels) {
      if (x >= box.left && x <= box.right && y >= box.top && y <= box.bottom) return uid;
    }
    return null;
  }

  #shape(plane: ImagePlane, shape: Shown): SVGElement {
    const onScreen = (point: Point): Point => plane.fromVoxel(...point);
    const lines = linesOf(shape.kind, shape.points).map((line) => line.map(onScreen));
    const points = shape.points.map(onScreen);
    const group = svg("g", { class: `shape${shape.isSelected ? " on" : ""}`, "data-uid": shape.uid, "data-kind": shape.kind });
    const d = [...lines.map(pathOf), ...marksOf(shape.kind, points)].join("");
    if (d !== "") group.append(svg("path", { d, class: "halo" }), svg("path", { d, class: "line" }));
    if (shape.isSelected) {
      handlesOf(shape.kind, shape.points).forEach(({ at }, i) => {
        const [cx, cy] = onScreen(at);
        group.append(svg("circle", { cx, cy, r: shape.heldHandle === i ? 5.5 : 3.5, class: "handle" }));
      });
    }
    this.#label(group, shape, [...lines.flat(), ...points]);
    return group;
  }

  #label(group: SVGElement, { uid, kind, title, lines, offset }: Shown, outline: readonly Point[]): void {
    const texts = [...(title === "" ? [] : [title]), ...lines];
    if (texts.length === 0 || outline.length === 0) return;
    const { x, y, anchor } = labelPlace(kind, outline, texts.length);
    const [left, top] = [x + offset[0], y + offset[1]];
    const label = svg("text", { class: "label", "text-anchor": anchor });
    texts.forEach((text, i) => label.append(svg("tspan", { x: left, y: top + i * LINE_PX, class: i === 0 && title !== "" ? "title" : "figure" }, text)));
    group.append(label);
    if (uid === null) return;
    const width = Math.max(...texts.map((text) => text.length)) * 6.6;
    const start = anchor === "middle" ? left - width / 2 : left;
    this.#labels.set(uid, { left: start - 4, top: top - 13, right: start + width + 4, bottom: top + (texts.length - 1) * LINE_PX + 5 });
  }
}

/** A reformat's voxels may be the pane's own pixels: then its place in the patient alone tells that it moved. */
const placeOf = (geometry: ImagePlane["geometry"]): string =>
  (geometry === null ? "" : [...geometry.origin_mm, ...geometry.right, ...geometry.down, ...geometry.spacing_mm].join());

const pathOf = (points: readonly Point[]): string => points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");

/** What a kind is drawn with besides its lines: a probe's cross, an arrow's tip, a text's foot. */
function marksOf(kind: Kind, [tip, tail]: readonly Point[]): string[] {
  if (tip === undefined) return [];
  const [x, y] = tip;
  if (kind === "probe") return [`M${x - 7} ${y}h5M${x + 2} ${y}h5M${x} ${y - 7}v5M${x} ${y + 2}v5`];
  if (kind === "text") return [`M${x - 3} ${y}h6`];
  if (kind !== "arrow" || tail === undefined) return [];
  const along = Math.atan2(tail[1] - y, tail[0] - x);
  const barb = (turn: number): string => `${(x + ARROW_PX * Math.cos(along + turn)).toFixed(2)} ${(y + ARROW_PX * Math.sin(along + turn)).toFixed(2)}`;
  return [`M${barb(0.45)}L${x.toFixed(2)} ${y.toFixed(2)}L${barb(-0.45)}`];
}

/** A label stands below an area, right of a line's right end, right of a point. */
function labelPlace(kind: Kind, outline: readonly Point[], count: number): { x: number; y: number; anchor: "start" | "middle" } {
  const xs = outline.map((point) => point[0]);
  const ys = outline.map((point) => point[1]);
  const [left, right, bottom] = [Math.min(...xs), Math.max(...xs), Math.max(...ys)];
  if (factsOf(kind).isArea || kind === "angle" || kind === "cobb") {
    return { x: (left + right) / 2, y: bottom + GAP_PX + 12, anchor: "middle" };
  }
  const end = outline.reduce((best, point) => (point[0] > best[0] ? point : best));
  return { x: end[0] + GAP_PX, y: end[1] + 4 - ((count - 1) * LINE_PX) / 2, anchor: "start" };
}

function cursorAt([x, y]: Point): SVGElement {
  const d = `M${x - 12} ${y}h8M${x + 4} ${y}h8M${x} ${y - 12}v8M${x} ${y + 4}v8`;
  return svg("g", { class: "cursor" }, svg("path", { d, class: "halo" }), svg("path", { d, class: "line" }));
}
