/** What panes share: the place in the patient, the window, millimetres a pixel; and why they do not, in words. */
import { areParallel, crossingOf, heightAbove, normalOf, type PlaneGeometry, type Vector } from "../ground/plane";
import type { FrameDescription, StackDescription } from "../ground/transport";
import { reachOf } from "./extra";
import type { Pane } from "./pane";
import { geometryOf } from "./stackPlane";
import { type Link, sameWindow, type Window } from "./state";

/**
 * Return the frame of a stack that lies nearest to a point of the patient, at the time, echo or b-value of `index`;
 * of several at one place that next to it.
 */
export function nearestFrame(
  stack: Pick<StackDescription, "orientation" | "pixel_spacing_mm" | "frames" | "extra">, point: Readonly<Vector>, index: number,
): number | null {
  const [first, last] = reachOf(stack, index);
  let nearest: { index: number; distance: number } | null = null;
  stack.frames.forEach((frame: FrameDescription, i) => {
    const plane = i < first || i > last ? null : geometryOf(stack, frame);
    if (plane === null) return;
    const distance = Math.abs(heightAbove(plane, point));
    const closer = nearest === null || distance < nearest.distance - 1e-6;
    const asClose = nearest !== null && Math.abs(distance - nearest.distance) <= 1e-6 && Math.abs(i - index) < Math.abs(nearest.index - index);
    if (closer || asClose) nearest = { index: i, distance };
  });
  return (nearest as { index: number } | null)?.index ?? null;
}

/** Return why two series do not share a place in the patient, or null where they do. */
export function whyApart(a: StackDescription, b: StackDescription): string | null {
  if (shareGrid(a, b)) return null;
  if (a.SeriesInstanceUID === b.SeriesInstanceUID) return a.orientation === null ? NO_PLACE : null;
  const [ours, theirs] = [a.FrameOfReferenceUID ?? null, b.FrameOfReferenceUID ?? null];
  if (ours === null || theirs === null) return "Not linked: no frame of reference";
  if (ours !== theirs) return "Not linked: other frame of reference";
  return a.orientation === null || b.orientation === null ? NO_PLACE : null;
}

/** Arrays in memory without a place in the patient go together voxel by voxel where they have one shape. */
export function shareGrid(a: StackDescription, b: StackDescription): boolean {
  const [[one], [other]] = [a.frames, b.frames];
  return [a, b].every((stack) => stack.is_archived === false && stack.orientation === null) && a.frames.length === b.frames.length
    && one !== undefined && other !== undefined && one.rows === other.rows && one.columns === other.columns;
}

const NO_PLACE = "Not linked: no one orientation";

/** Series whose windows mean the same: of one modality, in one unit; of arrays that state no modality, numbers and numbers. */
export function shareWindow(a: StackDescription, b: StackDescription): boolean {
  const areNumbers = [a, b].every((stack) => stack.is_archived === false && stack.windows[0]?.name !== "Mask");
  return (a.modality !== null || areNumbers) && a.modality === b.modality && a.units === b.units;
}

/** What of a pane moves others. */
interface Shared {
  geometry: PlaneGeometry | null;
  window: Window | null;
  voi_lut: number | null;
  mmPerPixel: number | null;
  centre: Vector | null;
  /** Of what has no place in the patient. */
  index: number | null;
  zoom: number;
  pan: readonly [number, number];
}

const sharedOf = (pane: Pane): Shared => ({
  geometry: pane.wanted, window: pane.window, voi_lut: pane.told.voi_lut, mmPerPixel: pane.mmPerPixel, centre: pane.centre,
  index: pane.state.index, zoom: pane.state.zoom, pan: pane.state.pan,
});

/** Which of these differ where there is no place that could. */
function movedOnGrid(before: Shared | null, now: Shared): { position: boolean; zoom: boolean } {
  const isPlaced = now.geometry !== null;
  return {
    position: !isPlaced && before?.index !== now.index,
    zoom: !isPlaced && (before?.zoom !== now.zoom || before.pan[0] !== now.pan[0] || before.pan[1] !== now.pan[1]),
  };
}

const samePoint = (a: Vector | null, b: Vector | null): boolean => a === b || (a !== null && b !== null && a.every((part, i) => part === b[i]));

/** Lets the other panes follow the active one. */
export class Linker {
  #last: { pane: Pane; shared: Shared } | null = null;

  /** Another pane is active: it leads from now on, and moves nobody before it moves itself. */
  lead(pane: Pane): void {
    this.#last = { pane, shared: sharedOf(pane) };
  }

  /** The active pane changed: hand on what is linked and is another than it was. */
  follow(leader: Pane, panes: readonly Pane[], link: Link): void {
    const before = this.#last?.pane === leader ? this.#last.shared : null;
    const now = sharedOf(leader);
    this.#last = { pane: leader, shared: now };
    const moved = movedOnGrid(before, now);
    const changed: Link = {
      position: moved.position || !samePoint(before?.geometry?.origin_mm ?? null, now.geometry?.origin_mm ?? null),
      window: !sameWindow(before?.window ?? null, now.window) || before?.voi_lut !== now.voi_lut,
      zoom: moved.zoom || before?.mmPerPixel !== now.mmPerPixel || !samePoint(before?.centre ?? null, now.centre),
    };
    for (const pane of panes) if (pane !== leader) bring(pane, leader, intersection(link, changed));
  }

  /** Links were switched on, or a pane's series came: bring it where the active one is. */
  bring(leader: Pane, panes: readonly Pane[], link: Link): void {
    for (const pane of panes) if (pane !== leader) bring(pane, leader, link);
  }
}

const intersection = (a: Link, b: Link): Link => ({ position: a.position && b.position, window: a.window && b.window, zoom: a.zoom && b.zoom });

function bring(pane: Pane, leader: Pane, link: Link): void {
  const [stack, leading] = [pane.stack, leader.stack];
  if (stack === null || leading === null) return;
  const isOneSpace = whyApart(stack, leading) === null;
  const { geometry, window: window_, mmPerPixel, centre, index, zoom, pan } = sharedOf(leader);
  if (shareGrid(stack, leading)) {
    if (link.position && index !== null) pane.set({ index }, "not yet");
    if (link.zoom) pane.set({ zoom, pan: [...pan] }, "not yet");
  }
  if (link.position && isOneSpace && geometry !== null) pane.goTo(geometry);
  if (link.window && window_ !== null && shareWindow(stack, leading)) {
    // A table is one series' own; others take the window that spans it.
    const isOneSeries = stack.SeriesInstanceUID === leading.SeriesInstanceUID;
    pane.setWindow(window_, "not yet", isOneSeries ? leader.told.voi_lut : null);
  }
  if (link.zoom && mmPerPixel !== null && !shareGrid(stack, leading)) {
    const { wanted } = pane;
    const isBeside = isOneSpace && centre !== null && geometry !== null && wanted !== null && areParallel(geometry, wanted);
    pane.zoomToScale(mmPerPixel, isBeside ? centre : null);
  }
}

/** A line on a pane where another pane's image crosses it. */
export interface ReferenceLine {
  from: [number, number];
  to: [number, number];
  /** Which of the patient's planes the other image is nearest to. */
  plane: "axial" | "coronal" | "sagittal";
  label: string;
}

const PLANES = ["sagittal", "coronal", "axial"] as const;

/** Return which of the patient's planes an image is nearest to. */
export function planeNameOf(plane: Pick<PlaneGeometry, "right" | "down">): ReferenceLine["plane"] {
  const normal = normalOf(plane).map(Math.abs);
  return PLANES[normal.indexOf(Math.max(...normal))] ?? "axial";
}

type Point = readonly [number, number];

/** Return the part of a line that lies in a box from (0, 0), or null where none does (Liang and Barsky). */
export function clipLine(from: Point, to: Point, width: number, height: number): [[number, number], [number, number]] | null {
  let [first, last] = [0, 1];
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  for (const [step, room] of [[-dx, from[0]], [dx, width - from[0]], [-dy, from[1]], [dy, height - from[1]]] as const) {
    if (step === 0 && room < 0) return null;
    if (step < 0) first = Math.max(first, room / step);
    else if (step > 0) last = Math.min(last, room / step);
  }
  const at = (part: number): [number, number] => [from[0] + part * dx, from[1] + part * dy];
  return first < last ? [at(first), at(last)] : null;
}

/** Return the lines of the other panes' images on one pane, as much of them as it shows, CSS px. */
export function referenceLines(pane: Pane, panes: readonly Pane[]): ReferenceLine[] {
  const [plane, stack] = [pane.plane(), pane.stack];
  if (!plane?.geometry || stack === null) return [];
  const { geometry } = plane;
  return panes.flatMap((other, i) => {
    const [crossed, theirs] = [other.plane()?.geometry, other.stack];
    if (other === pane || !crossed || theirs === null || whyApart(stack, theirs) !== null) return [];
    const ends = crossingOf(crossed, geometry)?.map((point) => plane.toCanvas(point));
    const [start, end] = ends ?? [];
    const { clientWidth, clientHeight } = pane.element;
    const [from, to] = (start && end && clipLine(start, end, clientWidth, clientHeight)) ?? [];
    const name = planeNameOf(crossed);
    return from && to ? [{ from, to, plane: name, label: `${i + 1} ${name}` }] : [];
  });
}
