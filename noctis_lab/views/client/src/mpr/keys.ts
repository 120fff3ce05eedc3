/** Keys of a plane beyond those of every pane: the crosshair, the slab, turning, putting back. */
import { isCommand } from "../ground/keys";
import type { MprModel, PlaneName } from "./model";
import { PROJECTIONS } from "./planeStage";
import { MOST_SLAB_MM, type Projection } from "./slab";
import { cross, plus, scaled, type Vector } from "./vectors";

export interface KeyedPane {
  readonly name: PlaneName;
  readonly model: MprModel;
  readonly axes: { right: Vector; down: Vector };
  setProjection(how: Projection | null): void;
  tell(): void;
}

const DEGREE = Math.PI / 180;

/** What the status line says while nothing is under the pointer. */
export const PLANE_HINT = "⇧ moves the crosshair · [ ] slab · double click shows one plane alone";

/** What the help sheet says of them. */
export const PLANE_KEYS: [keys: string[], words: string][] = [
  [["⇧", "M"], "three planes, the images again"], [["⇧", "move"], "crosshair to the pointer"], [["⇧", "← → ↑ ↓"], "crosshair by one voxel"],
  [["<", ">"], "turn the crosshair by 1°"], [["[", "]"], "slab thinner, thicker"], [["{", "}"], "time, echo or b-value before, after"], [["m"], "MIP, mean, MinIP, off"], [["x"], "planes orthogonal again"],
];

/** Handle a key on a plane; what is not ours goes on to the view. */
export function handleKey(event: KeyboardEvent, pane: KeyedPane): void {
  if (isCommand(event) || event.target !== event.currentTarget || pane.model.volume === null) return;
  const act = event.shiftKey && event.key.startsWith("Arrow") ? () => moveBy(pane, event.key) : actions[event.key];
  if (act === undefined) return;
  act(pane);
  pane.tell();
  event.preventDefault();
  event.stopPropagation();
}

function moveBy({ model, axes }: KeyedPane, key: string): void {
  const step = Math.min(...(model.volume?.full.spacing_mm ?? [1]));
  const by = { ArrowLeft: scaled(axes.right, -step), ArrowRight: scaled(axes.right, step), ArrowUp: scaled(axes.down, -step), ArrowDown: scaled(axes.down, step) }[key];
  if (by !== undefined) model.moveTo(plus(model.crosshair, by));
}

function turnBy({ model, name, axes }: KeyedPane, degrees: number): void {
  for (const plane of ["axial", "coronal", "sagittal"] as const) {
    if (plane !== name) model.turn(plane, cross(axes.right, axes.down), degrees * DEGREE);
  }
}

function thicken({ model, name }: KeyedPane, steps: number): void {
  const step = Math.max(model.volume?.full.step_mm ?? 1, 1);
  const { slab_mm } = model.planes[name];
  model.setPlane(name, { slab_mm: Math.min(Math.max(Math.round((slab_mm + steps * step) * 10) / 10, 0), MOST_SLAB_MM) });
}

function nextProjection(pane: KeyedPane): void {
  const { slab_mm, projection } = pane.model.planes[pane.name];
  const at = slab_mm > 0 ? PROJECTIONS.findIndex(({ how }) => how === projection) + 1 : 0;
  pane.setProjection(PROJECTIONS[at]?.how ?? null);
}

const actions: Record<string, (pane: KeyedPane) => void> = {
  "<": (pane) => turnBy(pane, -1),
  ">": (pane) => turnBy(pane, 1),
  "[": (pane) => thicken(pane, -1),
  "]": (pane) => thicken(pane, 1),
  m: nextProjection,
  x: ({ model }) => model.resetPlanes(),
};
