/** The grid of panes: how they stand, which one is active, which one stands alone for a while. */
import { el } from "../ground/dom";
import { PLANE_NAMES, type PlaneName } from "../mpr/model";
import type { Pane } from "./pane";
import { defaultState, type PaneState } from "./state";

export interface Layout {
  /** "rows × columns", by an x. */
  name: string;
  rows: number;
  columns: number;
  /** The first panes are planes through the volume of the one that stands last. */
  planes?: readonly PlaneName[];
  /** Another pane shows the volume from outside. */
  volume?: true;
}

const layout = (rows: number, columns: number): Layout => ({ name: `${rows}x${columns}`, rows, columns });

/** By how many panes they have: the order in which they are stepped through. */
export const LAYOUTS: readonly Layout[] = [
  layout(1, 1), layout(1, 2), layout(2, 1), layout(1, 3), layout(3, 1), layout(2, 2), layout(2, 3), layout(3, 2), layout(3, 3),
];

/** Three planes, and the images as they are stored. */
export const MPR: Layout = { name: "mpr", rows: 2, columns: 2, planes: PLANE_NAMES };

/** Three planes and the volume from outside; and that alone. */
export const MPR_3D: Layout = { name: "mpr3d", rows: 2, columns: 2, planes: PLANE_NAMES, volume: true };
export const VOLUME: Layout = { name: "3d", rows: 1, columns: 1, volume: true };

/** What the first panes of a layout are, where they are no stacks of images. */
const rolesOf = ({ planes = [], volume }: Layout): readonly (PlaneName | "volume")[] => [...planes, ...(volume ? ["volume" as const] : [])];

/** Return a layout by its name; the first where there is none of that name. */
export const layoutOf = (name: string): Layout => [...LAYOUTS, MPR, MPR_3D, VOLUME].find((item) => item.name === name) ?? (LAYOUTS[0] as Layout);

/** "2 × 3". */
export const labelOf = ({ rows, columns, planes, volume }: Layout): string => (planes ? (volume ? "MPR + 3D" : "MPR") : volume ? "3D" : `${rows} × ${columns}`);

/** What a pane of a volume shows, as images of it do: their zoom and place are others. */
const imagesOf = ({ told: { SeriesInstanceUID, StudyInstanceUID, window, inverted, colormap } }: Pane): Partial<PaneState> =>
  ({ SeriesInstanceUID, StudyInstanceUID, window, inverted, colormap });

const showsNothing = (pane: Pane): boolean => pane.kind === "stack" && pane.state.SeriesInstanceUID === "";

export interface GridHost {
  /** Return a new pane, not started. */
  makePane(state: Partial<PaneState>): Pane;
  /** Return a new pane of one of three planes, not started; `images` shows the series as it is stored. */
  makePlane(name: PlaneName, state: Partial<PaneState>, images: Pane | null): Pane;
  /** Return a new pane of the volume seen from outside, not started. */
  makeVolume(state: Partial<PaneState>, images: Pane | null): Pane;
  /** What a pane that is new shows, where nothing is said of it; `panes` are there already. */
  stateForNew(panes: readonly Pane[]): Partial<PaneState>;
  /** Another pane is active, or the layout is another. */
  onArranged(): void;
  onDrop(pane: Pane, data: DataTransfer): void;
}

export class Grid {
  readonly element = el("div", { class: "grid", "data-theme": "dark", role: "group", "aria-label": "Panes" });
  #panes: Pane[] = [];
  /** What panes showed for which the layout has no room; they come back with it. */
  #kept: PaneState[] = [];
  #layout = layoutOf("1x1");
  #active = 0;
  #isAlone = false;

  constructor(readonly host: GridHost) {}

  get panes(): readonly Pane[] {
    return this.#panes;
  }

  get active(): number {
    return this.#active;
  }

  get pane(): Pane {
    return this.#panes[this.#active] as Pane;
  }

  get layout(): Layout {
    return this.#layout;
  }

  /** Whether the active pane hides the others. */
  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Arrange anew: panes that are there stay as they are, the active one too; new ones begin as `states` say. */
  arrange(name: string, active = this.#active, states: readonly Partial<PaneState>[] = []): void {
    const next = layoutOf(name);
    const count = next.rows * next.columns;
    const hadFocus = this.#panes.some((pane) => pane.element.matches(":focus-within"));
    this.#isAlone = false;
    const wanted = this.#exchange(next, active, states);
    this.#layout = next;
    const isAsked = wanted !== this.#active;
    this.#shrink(count);
    while (this.#panes.length < count) this.#add(this.host.makePane(states[this.#panes.length] ?? this.#kept.shift() ?? this.host.stateForNew(this.#panes)));
    this.#active = Math.min(Math.max(isAsked ? wanted : this.#active, 0), count - 1);
    this.element.style.gridTemplate = `repeat(${next.rows}, minmax(0, 1fr)) / repeat(${next.columns}, minmax(0, 1fr))`;
    this.#mark();
    if (hadFocus) this.pane.focus();
    this.host.onArranged();
  }

  /** Put planes and volume before the active pane, or let them go; returns which pane is active then. */
  #exchange(next: Layout, active: number, states: readonly Partial<PaneState>[]): number {
    const [before, roles] = [rolesOf(this.#layout), rolesOf(next)];
    if (before.join() === roles.join()) return active;
    const hadRoles = before.length > 0;
    const [first] = this.#panes;
    const stacks = this.#panes.filter((pane) => pane.kind === "stack");
    const own = hadRoles ? stacks[0] : stacks.find((pane) => pane === this.#panes[this.#active]);
    const stack = own && showsNothing(own) ? (stacks.find((pane) => !showsNothing(pane)) ?? own) : own;
    const state = stack?.told ?? (hadRoles && first !== undefined ? imagesOf(first) : {});
    const old = this.#panes;
    // What stays, and what is new before the old goes: the volume that they share is not let go of between.
    const stays = (role: string): Pane | undefined => old.find((pane) => pane.kind !== "stack" && pane.element.dataset["plane"] === role);
    [this.#panes, this.#active] = [[], 0]; // whoever is added asks for the active one
    roles.forEach((role, i) => {
      const pane = stays(role);
      if (pane !== undefined) this.#panes.push(pane);
      else this.#add(role === "volume" ? this.host.makeVolume(states[i] ?? state, stack ?? null) : this.host.makePlane(role, states[i] ?? state, stack ?? null));
    });
    const hasRoom = next.rows * next.columns > roles.length;
    if (stack !== undefined && hasRoom) this.#panes.push(stack);
    this.#drop(old.filter((pane) => !this.#panes.includes(pane)));
    const shown = state.SeriesInstanceUID;
    // Where no images were beside the volume, they come of its series.
    if (hadRoles && hasRoom && stack === undefined && shown && this.#kept[0]?.SeriesInstanceUID !== shown) this.#kept.unshift({ ...defaultState(shown), ...state });
    this.element.replaceChildren(...this.#panes.map((pane) => pane.element));
    return stack === undefined || states.length > 0 ? active : 0;
  }

  #drop(panes: readonly Pane[]): void {
    this.#kept.unshift(...panes.filter((pane) => pane.kind === "stack").map((pane) => pane.told));
    for (const pane of panes) {
      pane.close();
      pane.element.remove();
    }
  }

  /** Let panes go for which there is no room, empty ones first; the active one moves to the last place rather than go. */
  #shrink(count: number): void {
    const [leader, over] = [this.#panes[this.#active], this.#panes.length - count];
    const empty = over > 0 ? this.#panes.filter(showsNothing).slice(-over) : [];
    this.#panes = this.#panes.filter((pane) => !empty.includes(pane));
    if (leader !== undefined) this.#active = Math.max(this.#panes.indexOf(leader), 0);
    const active = this.#panes[this.#active];
    if (active !== undefined && this.#active >= count) {
      this.#panes.splice(this.#active, 1);
      this.#panes.splice(count - 1, 0, active);
      this.#active = count - 1;
    }
    const surplus = [...this.#panes.splice(count), ...empty];
    this.#drop(surplus);
    if (surplus.length > 0) this.element.replaceChildren(...this.#panes.map((pane) => pane.element));
  }

  #add(pane: Pane): void {
    const { element } = pane;
    const activate = (): void => this.activate(this.#panes.indexOf(pane));
    for (const event of ["pointerdown", "wheel", "focusin"]) element.addEventListener(event, activate, { capture: true, passive: true });
    element.addEventListener("dragover", (event) => event.preventDefault());
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      activate();
      if (event.dataTransfer) this.host.onDrop(pane, event.dataTransfer);
    });
    this.#panes.push(pane);
    this.element.append(element);
    pane.start();
  }

  activate(index: number): void {
    if (index === this.#active || this.#panes[index] === undefined) return;
    this.#active = index;
    this.#mark();
    this.host.onArranged();
  }

  /** Go to the pane before or after, round the end; false where there is one alone. */
  step(count: 1 | -1): boolean {
    if (this.#panes.length < 2) return false;
    this.activate((this.#active + count + this.#panes.length) % this.#panes.length);
    this.pane.focus();
    return true;
  }

  /** Show the active pane alone, or all again. */
  toggleAlone(): void {
    if (this.#panes.length < 2) return;
    this.#isAlone = !this.#isAlone;
    this.#mark();
    this.host.onArranged();
  }

  close(): void {
    for (const pane of this.#panes) pane.close();
  }

  #mark(): void {
    const isMany = this.#panes.length > 1;
    this.element.classList.toggle("many", isMany && !this.#isAlone);
    this.element.classList.toggle("alone", this.#isAlone);
    this.#panes.forEach((pane, i) => {
      pane.element.classList.toggle("active", i === this.#active);
      pane.element.setAttribute("aria-label", `${isMany ? `Pane ${i + 1} of ${this.#panes.length}. ` : ""}${pane.element.dataset["plane"] ?? "image"}. Press ? for the keys.`);
    });
  }
}
