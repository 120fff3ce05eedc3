/** The stage: the canvas, and the ink over it. It draws what it is told and decides nothing. */
import { BadgeNotes } from "../ground/badgeNotes";
import { el, svg } from "../ground/dom";
import { icon } from "../ground/icons";
import { Made } from "../ground/made";
import { formatAtScale, formatNumber } from "../ground/numbers";
import type { FrameDescription, StackDescription } from "../ground/transport";
import { acrossOf, axesOf, duplicatesOf, edgeLetters, type Placement, type Turn } from "./geometry";
import { CineBar } from "./cineBar";
import { ColourBar } from "./colourBar";
import { extraPlaceOf, extraWords, reachOf } from "./extra";
import type { ReferenceLine } from "./linking";
import type { StackLook } from "./look";
import type { Window } from "./state";

/** What the corner texts and the scale bar say. */
export interface Caption {
  stack: StackDescription;
  index: number;
  window: Window | null;
  /** null where the image has colours of its own. */
  look: StackLook | null;
  placement: Placement;
  turn: Turn;
  dpr: number;
}

const SCALE_STEPS_MM = [500, 200, 100, 50, 20, 10];

/** Return the length of a scale bar in whole centimetres, as mm, that fits `room` CSS pixels. */
export function scaleBarLength(pixelsPerMm: number, room: number): number | null {
  return SCALE_STEPS_MM.find((length) => length * pixelsPerMm <= room) ?? null;
}

/** Return where each frame's tick lies on a rail, 0 at the top to 1; true positions where they are known. */
export function railPositions(frames: readonly FrameDescription[]): number[] {
  const places = frames.map((frame) => frame.z_mm);
  const known = places.filter((z): z is number => z !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (known.length === frames.length && high > low) return known.map((z) => (high - z) / (high - low));
  return frames.map((_, index) => (frames.length > 1 ? index / (frames.length - 1) : 0.5));
}

/** Return how far the nearer neighbour along z is, mm, or null where that is not known. */
export function neighbourDistance(frames: readonly FrameDescription[], index: number): number | null {
  const here = frames[index]?.z_mm;
  if (here === null || here === undefined) return null;
  const distances = frames.flatMap((frame, i) => (i !== index && frame.z_mm !== null ? [Math.abs(frame.z_mm - here)] : []));
  return distances.length > 0 ? Math.min(...distances) : null;
}

export class Stage {
  readonly canvas = el("canvas", { "aria-hidden": true });
  readonly rail = svg("svg", { class: "rail", "aria-hidden": true });
  readonly element: HTMLElement;
  readonly #corners = {
    topLeft: el("div", { class: "ct tl" }), topRight: el("div", { class: "ct tr" }),
    bottomLeft: el("div", { class: "ct bl" }), bottomRight: el("div", { class: "ct br" }),
  };
  readonly #letters = {
    left: el("div", { class: "ol left" }), right: el("div", { class: "ol right" }),
    top: el("div", { class: "ol top" }), bottom: el("div", { class: "ol bottom" }),
  };
  readonly cine = new CineBar();
  readonly #colours = new ColourBar();
  readonly #scale = svg("svg", { class: "scale", "aria-hidden": true });
  /** Where other panes' images cross this one. */
  readonly #lines = svg("svg", { class: "lines", "aria-hidden": true });
  /** Why this pane does not go with the others. */
  readonly #apart = el("div", { class: "apart", role: "note", hidden: true });
  readonly #title = el("div", { class: "title m" });
  readonly #notice = el("div", { class: "notice", hidden: true });
  readonly notes = new BadgeNotes();
  readonly #made = { place: new Made(), zoom: new Made(), letters: new Made(), scale: new Made(), links: new Made() };
  #hasDarkInk = false;
  #railKey = "";
  #ticks: number[] = [];
  /** The frame of the first tick. */
  #railFirst = 0;
  #position: SVGRectElement | null = null;

  constructor() {
    // Around an image all is dark, in either theme.
    this.element = el("div", { class: "stage", "data-theme": "dark", tabindex: 0, role: "application", "aria-label": "Image. Press ? for the keys." },
      this.canvas, this.#lines, this.#apart, ...Object.values(this.#corners), ...Object.values(this.#letters), this.#scale, this.#colours.element, this.cine.element, this.rail, this.#notice);
  }

  /** Where the identity's text stands in the window. */
  identityBox(): DOMRect {
    return this.#corners.topLeft.getBoundingClientRect();
  }

  /** Follow the pointer along the rail: which frame it asks for, and that it let go. */
  watchRail(onFrame: (index: number) => void, onDone: () => void): void {
    const follow = (event: PointerEvent): void => onFrame(this.#frameOnRail(event.clientY - this.rail.getBoundingClientRect().top));
    this.rail.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      this.element.focus({ preventScroll: true });
      this.rail.setPointerCapture(event.pointerId);
      follow(event);
    });
    this.rail.addEventListener("pointermove", (event) => {
      if (event.buttons === 1) follow(event);
    });
    this.rail.addEventListener("pointerup", onDone);
  }

  /** Write the series' own texts: who, where, how. */
  describe(stack: StackDescription): void {
    const [first, ...rest] = stack.corner.top_left;
    this.#corners.topLeft.replaceChildren(this.#title, ...(first === undefined ? [] : [el("b", {}, first)]), ...rest.map(line));
    this.notes.set("series", stack.badges);
    this.#corners.topLeft.append(this.notes.element);
    this.#corners.topRight.replaceChildren(...stack.corner.top_right.map(line));
  }

  /** Take away everything that was said of the last series. */
  clear(): void {
    for (const part of [...Object.values(this.#corners), ...Object.values(this.#letters), this.#scale, this.rail]) part.replaceChildren();
    this.notes.clear();
    this.#colours.element.hidden = true;
    for (const made of Object.values(this.#made)) made.forget();
    this.#railKey = "";
    this.#position = null;
    this.#ticks = [];
    delete this.element.dataset["shown"];
    delete this.element.dataset["preview"];
  }

  /** Close a badge's sentence; false if none is open. */
  closeNote(): boolean {
    return this.notes.close();
  }

  /** Say which study this is, where there are several. */
  title(title: string | null): void {
    this.#title.textContent = title;
    this.#title.hidden = title === null;
  }

  /** Draw where other panes' images cross this one, and say why it does not go with them. */
  drawLinks(why: string | null, lines: readonly ReferenceLine[]): void {
    if (!this.#made.links.isNew(why, ...lines.flatMap(({ from, to, plane, label }) => [...from, ...to, plane, label]))) return;
    this.#apart.hidden = why === null;
    this.#apart.textContent = why ?? "";
    this.#lines.replaceChildren(...lines.flatMap(({ from: [x1, y1], to: [x2, y2], plane, label }) => {
      const [x, y] = [x1 + (x2 - x1) / 4, y1 + (y2 - y1) / 4]; // clear of corners and letters
      return [
        svg("line", { x1, y1, x2, y2, class: "halo" }), svg("line", { x1, y1, x2, y2, class: plane }),
        svg("text", { x: x + 4, y: y - 4, class: plane }, label),
      ];
    }));
  }

  /** Write what changes with slice, window and zoom. */
  caption({ stack, index, window, look, placement, turn, dpr }: Caption): void {
    const frame = stack.frames[index];
    if (frame === undefined) return;
    if (this.#made.place.isNew(stack, index, window?.center, window?.width, look?.tableName)) this.#sayPlace(stack, index, frame, window, look?.tableName ?? null);
    const zoom = (axesOf(turn).right[0] === 0 ? placement.sy : placement.sx) / dpr;
    if (this.#made.zoom.isNew(stack, zoom)) {
      this.#corners.bottomRight.replaceChildren(...stack.corner.bottom_right.map(line),
        el("div", {}, "Zoom ", el("b", {}, formatNumber(zoom, zoom < 1 ? 2 : 1)), " ×"));
    }
    if (this.#made.letters.isNew(stack, turn.rotation_deg, turn.flipped)) {
      const names = edgeLetters(stack.orientation, turn);
      for (const [edge, element] of Object.entries(this.#letters)) {
        element.textContent = names?.[edge as keyof typeof names] ?? "";
      }
    }
    if (this.#made.scale.isNew(stack, turn.rotation_deg, placement.sx, placement.width, dpr)) this.#drawScale(stack, placement, turn, dpr);
    this.#colours.show(look?.colormap ?? null, look?.isReversed ?? false, look?.tableName ? null : window, stack.units);
  }

  #sayPlace(stack: StackDescription, index: number, frame: FrameDescription, window: Window | null, tableName: string | null): void {
    const isVolume = (extraPlaceOf(stack, index)?.planes ?? 1) > 1;
    const [first, last] = isVolume ? reachOf(stack, index) : [0, stack.frames.length - 1];
    const along = extraWords(stack, index);
    this.#corners.bottomLeft.replaceChildren(
      el("div", {}, "Image ", el("b", {}, index - first + 1), ` of ${last - first + 1}`), ...(along === null ? [] : [line(along)]), ...placeLine(stack, index, frame),
      ...(tableName ? [el("div", {}, "VOI LUT ", el("b", {}, tableName))] : window === null ? [] : [el("div", {}, "Window ", el("b", {}, formatAtScale(window.width, window.width)), " Level ", el("b", {}, formatAtScale(window.center, window.width)))]));
  }

  #drawScale(stack: StackDescription, placement: Placement, turn: Turn, dpr: number): void {
    const spacing = stack.pixel_spacing_mm;
    const width = placement.width / dpr;
    const horizontal_mm = spacing === null ? null : acrossOf(spacing, turn);
    const pixelsPerMm = horizontal_mm === null ? 0 : placement.sx / dpr / horizontal_mm;
    const length_mm = horizontal_mm === null ? null : scaleBarLength(pixelsPerMm, Math.min(width * 0.3, 360));
    this.#scale.replaceChildren();
    if (length_mm === null) return;
    const size = length_mm * pixelsPerMm;
    this.#scale.setAttribute("width", String(size + 80));
    this.#scale.style.marginLeft = `${-size / 2 - 2}px`;
    const shape = `M2 6v6h${size}v-6`;
    this.#scale.append(svg("path", { d: shape, class: "halo" }), svg("path", { d: shape }));
    const centimetres = length_mm / 10;
    for (let k = 1; k < centimetres && size / centimetres >= 4; k += 1) {
      this.#scale.append(svg("path", { d: `M${2 + (k * size) / centimetres} 12v${k * 2 === centimetres ? -6 : -3}`, class: "tick" }));
    }
    this.#scale.append(svg("text", { x: size + 10, y: 13 }, `${centimetres} cm`));
  }

  /** Draw the rail anew where stack or height changed: the planes of one volume; and show which is in view. */
  drawRail(stack: StackDescription, index: number, height: number): void {
    const [first, last] = reachOf(stack, index);
    const key = `${stack.SeriesInstanceUID} ${stack.revision ?? ""} ${height} ${first}`;
    if (key !== this.#railKey) this.#drawRail(stack.frames.slice(first, last + 1), key, height);
    this.#railFirst = first;
    this.#position?.setAttribute("y", String((this.#ticks[index - first] ?? 0) - 5));
  }

  #drawRail(frames: readonly FrameDescription[], key: string, height: number): void {
    this.#railKey = key;
    this.rail.replaceChildren();
    this.#position = null;
    this.rail.toggleAttribute("hidden", frames.length < 2 || height < 160);
    const length = height - 152;
    this.rail.setAttribute("height", String(length + 16));
    this.#ticks = railPositions(frames).map((place) => 8 + place * length);
    const duplicates = duplicatesOf(frames);
    this.rail.append(svg("line", { x1: 12, x2: 12, y1: 8, y2: 8 + length, class: "line" }));
    const isDense = length / Math.max(frames.length - 1, 1) < 3;
    this.#ticks.forEach((y, index) => {
      const isEnd = index === 0 || index === this.#ticks.length - 1;
      if (isDense && !isEnd && !duplicates.has(index)) return;
      const isSecond = duplicates.has(index) && this.#ticks.slice(0, index).some((other) => Math.abs(other - y) < 0.5);
      const at = isSecond ? y - 4 : y;
      this.rail.append(svg("line", { x1: 7, x2: 17, y1: at, y2: at, class: duplicates.has(index) ? "tick duplicate" : "tick" }));
    });
    this.#position = svg("rect", { x: 4, width: 16, height: 10, rx: 3, class: "position" });
    this.rail.append(this.#position);
  }

  /** Return the frame whose tick is nearest to a height on the rail, CSS px from its top. */
  #frameOnRail(y: number): number {
    let nearest = 0;
    this.#ticks.forEach((tick, index) => {
      if (Math.abs(tick - y) < Math.abs((this.#ticks[nearest] as number) - y)) nearest = index;
    });
    return this.#railFirst + nearest;
  }

  /** Say in words why there is no image, with a way out where there is one; null takes it back. */
  notice(title: string | null, words = "", retry: (() => void) | null = null): void {
    if (title === null && this.#notice.hidden) return;
    this.#notice.hidden = title === null;
    this.#notice.replaceChildren();
    if (title === null) return;
    this.#notice.append(
      el("div", { class: retry ? "fail-ink" : "t3" }, icon(retry ? "fail" : "unknown")), el("div", { class: "f14 b" }, title), el("div", { class: "t2" }, words),
      ...(retry ? [el("button", { class: "btn s", click: retry }, icon("refresh", "s"), "Try again")] : []));
  }

  /** Ink that lies on a white image is dark; around the image it stays light, since black stays black; on the edge it gets a dark ground. */
  inkFor(inverted: boolean, covered: { left: number; top: number; right: number; bottom: number }): void {
    if (!inverted && !this.#hasDarkInk) return;
    this.#hasDarkInk = inverted;
    const inks = [...Object.values(this.#corners), ...Object.values(this.#letters), this.#scale];
    const stage = inverted ? this.element.getBoundingClientRect() : null;
    const places = inks.map((ink): "" | "on-white" | "on-plate" => {
      if (stage === null) return "";
      const box = ink.getBoundingClientRect();
      const [left, right, top, bottom] = [box.left - stage.left, box.right - stage.left, box.top - stage.top, box.bottom - stage.top];
      if (right <= covered.left || left >= covered.right || bottom <= covered.top || top >= covered.bottom) return "";
      return left >= covered.left && right <= covered.right && top >= covered.top && bottom <= covered.bottom ? "on-white" : "on-plate";
    });
    inks.forEach((ink, i) => {
      for (const name of ["on-white", "on-plate"]) ink.classList.toggle(name, places[i] === name);
    });
  }
}

const line = (text: string): HTMLElement => el("div", {}, text);

function placeLine(stack: StackDescription, index: number, frame: FrameDescription): HTMLElement[] {
  const [name, place] = typeof frame.z === "number" ? ["z", frame.z] : ["along normal", frame.z_mm];
  if (place === null) return [];
  const distance = stack.kind === "volume" ? null : neighbourIn(stack, index);
  return [el("div", {}, `${name} `, el("b", {}, `${formatNumber(place, 1, { fixed: true })} mm`),
    distance === null ? "" : distance < 1e-3 ? ", another at the same place" : `, neighbours ${formatNumber(distance, 1)} mm away`)];
}

/** Return how far the nearer neighbour in one volume is, mm: its images at other times are no neighbours. */
export function neighbourIn(stack: StackDescription, index: number): number | null {
  const [first, last] = reachOf(stack, index);
  return neighbourDistance(stack.frames.slice(first, last + 1), index - first);
}
