/** What panes share: the place in the patient, the window, millimetres a pixel; and why they do not, in words. */
import { areParallel, centreOf, crossingOf, normalOf, type PlaneGeometry, type Vector } from "../ground/plane";
import type { FrameDescription, StackDescription } from "../ground/transport";
import { reachOf } from "./extra";
import type { Pane } from "./pane";
import { type Link, sameWindow, type Window } from "./state";

/**
 * Return the frame of a stack that lies nearest to a point of the patient, at the time, echo or b-value of `index`;
 * of several at one place that next to it.
 */
export function nearestFrame(
  stack: Pick<StackDescription, "orientation" | "pixel_spacing_mm" | "frames" | "extra">, point: Readonly<Vector>, index: number,
): number | null {
  const { orientation } = stack;
  if (orientation === null || stack.pixel_spacing_mm === null) return null;
  const normal = normalOf({ right: orientation.slice(0, 3) as Vector, down: orientation.slice(3) as Vector });
  const [first, last] = reachOf(stack, index);
  let [nearest, least] = [null as number | null, Infinity];
  for (let i = Math.max(first, 0); i <= Math.min(last, stack.frames.length - 1); i += 1) {
    const place = (stack.frames[i] as FrameDescription).position_mm;
    if (place === null) continue;
    const distance = Math.abs(normal[0] * (point[0] - place[0]) + normal[1] * (point[1] - place[1]) + normal[2] * (point[2] - place[2]));
    const closer = distance < least - 1e-6;
    const asClose = nearest !== null && Math.abs(distance - least) <= 1e-6 && Math.abs(i - index) < Math.abs(nearest - index);
    if (closer || asClose) [nearest, least] = [i, distance];
  }
  return nearest;
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
  target: Vector | null;
  window: Window | null;
  voi_lut: number | null;
  mmPerPixel: number | null;
  centre: Vector | null;
  /** Of what has no place in the patient. */
  index: number | null;
  zoom: number;
  pan: readonly [number, number];
  /** Which time, echo or b-value; null where there is one volume, and while a cine plays: planes have no volume of each at once. */
  step: number | null;
}

function sharedOf(pane: Pane): Shared {
  const { wanted: geometry, target, told: { window, voi_lut }, mmPerPixel, centre, state: { index, zoom, pan } } = pane;
  return {
    geometry, target: target === undefined ? geometry && centreOf(geometry) : target,
    window, voi_lut, mmPerPixel, centre, index, zoom, pan, step: pane.isPlaying ? null : (pane.extraIndex ?? null),
  };
}

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
    if (leader.isPlaying) now.step = before?.step ?? null; // until it stops
    this.#last = { pane: leader, shared: now };
    const moved = movedOnGrid(before, now);
    const changed: Link = {
      position: moved.position || !samePoint(before?.target ?? null, now.target),
      window: !sameWindow(before?.window ?? null, now.window) || before?.voi_lut !== now.voi_lut,
      zoom: moved.zoom || before?.mmPerPixel !== now.mmPerPixel || !samePoint(before?.centre ?? null, now.centre),
    };
    const handed = intersection(link, changed);
    const isOtherStep = link.position && before?.step !== now.step;
    for (const pane of panes) {
      if (pane === leader) continue;
      if (isOtherStep) bringToStep(pane, leader, now.step);
      if (handed.position || handed.window || handed.zoom) bring(pane, leader, now, handed);
    }
  }

  /** Links were switched on, or a pane's series came: bring it where the active one is. */
  bring(leader: Pane, panes: readonly Pane[], link: Link): void {
    const shared = sharedOf(leader);
    for (const pane of panes) {
      if (pane === leader) continue;
      if (link.position) bringToStep(pane, leader, shared.step);
      bring(pane, leader, shared, link);
    }
  }
}

const intersection = (a: Link, b: Link): Link => ({ position: a.position && b.position, window: a.window && b.window, zoom: a.zoom && b.zoom });

/** Planes, and the images of their series, show one time; two stacks of a series may stand side by side to compare its times. */
function bringToStep(pane: Pane, leader: Pane, step: number | null): void {
  const [own, ours, theirs] = [pane.extraIndex ?? null, pane.state, leader.state];
  const isOneSeries = ours.SeriesInstanceUID === theirs.SeriesInstanceUID && ours.StudyInstanceUID === theirs.StudyInstanceUID;
  const areStacks = pane.kind === "stack" && leader.kind === "stack";
  if (step !== null && own !== null && own !== step && isOneSeries && !areStacks) pane.stepExtra?.(step - own, "not yet");
}

function bring(pane: Pane, leader: Pane, shared: Shared, link: Link): void {
  const { geometry, target, window: window_, voi_lut, mmPerPixel, centre, index, zoom, pan } = shared;
  const [stack, leading] = [pane.stack, leader.stack];
  if (stack === null || leading === null) return;
  const isOneSpace = whyApart(stack, leading) === null;
  if (shareGrid(stack, leading)) {
    if (link.position && index !== null) pane.set({ index }, "not yet");
    if (link.zoom) pane.set({ zoom, pan: [...pan] }, "not yet");
  }
  if (link.position && isOneSpace && geometry !== null && target !== null) pane.goTo(geometry, target);
  if (link.window && window_ !== null && shareWindow(stack, leading)) {
    // A table is one series' own; others take the window that spans it.
    const isOneSeries = stack.SeriesInstanceUID === leading.SeriesInstanceUID;
    pane.setWindow(window_, "not yet", isOneSeries ? voi_lut : null);
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
function referenceLines(pane: Pane, panes: readonly Pane[]): ReferenceLine[] {
  const { stack, cssSize } = pane;
  const plane = pane.plane();
  if (!plane?.geometry || stack === null || cssSize === undefined) return [];
  const { geometry } = plane;
  return panes.flatMap((other, i) => {
    if (other === pane) return [];
    const [crossed, theirs] = [other.plane()?.geometry, other.stack];
    if (!crossed || theirs === null || whyApart(stack, theirs) !== null) return [];
    const ends = crossingOf(crossed, geometry)?.map((point) => plane.toCanvas(point));
    const [start, end] = ends ?? [];
    const [from, to] = (start && end && clipLine(start, end, ...cssSize)) ?? [];
    const name = planeNameOf(crossed);
    return from && to ? [{ from, to, plane: name, label: `${i + 1} ${name}` }] : [];
  });
}

/** Say on each pane what links it to the others: why it does not go with the leader, and where their images cross. */
export function showLinks(panes: readonly Pane[], leader: Pane, isLinked: boolean): void {
  const isOn = isLinked && panes.length > 1;
  for (const pane of panes) {
    const why = isOn && pane !== leader && pane.stack && leader.stack ? whyApart(pane.stack, leader.stack) : null;
    // On planes the crosshair says it.
    pane.showLinks(why, isOn && pane.kind === "stack" ? referenceLines(pane, panes) : []);
  }
}
