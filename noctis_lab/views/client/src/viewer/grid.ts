/** The grid of panes: how they stand, which one is active, which one stands alone for a while. */
import { el } from "../ground/dom";
import type { Pane } from "./pane";
import type { PaneState } from "./state";

export interface Layout {
  /** "rows × columns", by an x. */
  name: string;
  rows: number;
  columns: number;
}

const layout = (rows: number, columns: number): Layout => ({ name: `${rows}x${columns}`, rows, columns });

/** By how many panes they have: the order in which they are stepped through. */
export const LAYOUTS: readonly Layout[] = [
  layout(1, 1), layout(1, 2), layout(2, 1), layout(1, 3), layout(3, 1), layout(2, 2), layout(2, 3), layout(3, 2), layout(3, 3),
];

/** Return a layout by its name; the first where there is none of that name. */
export const layoutOf = (name: string): Layout => LAYOUTS.find((item) => item.name === name) ?? (LAYOUTS[0] as Layout);

/** "2 × 3". */
export const labelOf = ({ rows, columns }: Layout): string => `${rows} × ${columns}`;

export interface GridHost {
  /** Return a new pane, not started. */
  makePane(state: Partial<PaneState>): Pane;
  /** What a pane that is new shows, where nothing is said of it; `panes` are there already. */
  stateForNew(panes: readonly Pane[]): Partial<PaneState>;
  /** Another pane is active, or the layout is another. */
  onArranged(): void;
  onDrop(pane: Pane, data: DataTransfer): void;
}

export class Grid {
  readonly element = el("div", { class: "grid", role: "group", "aria-label": "Panes" });
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
    this.#layout = next;
    this.#shrink(count);
    while (this.#panes.length < count) this.#add(states[this.#panes.length] ?? this.#kept.shift() ?? this.host.stateForNew(this.#panes));
    this.#active = Math.min(Math.max(active === this.#active ? this.#active : active, 0), count - 1);
    this.element.style.gridTemplate = `repeat(${next.rows}, minmax(0, 1fr)) / repeat(${next.columns}, minmax(0, 1fr))`;
    this.#mark();
    if (hadFocus) this.pane.focus();
    this.host.onArranged();
  }

  /** Let panes go for which there is no room; the active one moves to the last place rather than go. */
  #shrink(count: number): void {
    const active = this.#panes[this.#active];
    if (active !== undefined && this.#active >= count) {
      this.#panes.splice(this.#active, 1);
      this.#panes.splice(count - 1, 0, active);
      this.#active = count - 1;
    }
    const surplus = this.#panes.splice(count);
    this.#kept.unshift(...surplus.map((pane) => pane.told));
    for (const pane of surplus) {
      pane.close();
      pane.element.remove();
    }
    if (surplus.length > 0) this.element.replaceChildren(...this.#panes.map((pane) => pane.element));
  }

  #add(state: Partial<PaneState>): void {
    const pane = this.host.makePane(state);
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
      pane.element.setAttribute("aria-label", `${isMany ? `Pane ${i + 1} of ${this.#panes.length}. ` : ""}Image. Press ? for the keys.`);
    });
  }
}
