/** Mouse, touch, wheel and keys on the stage: OHIF's bindings. */
import { isCommand } from "../ground/keys";
import type { Kind } from "../measure/shapes";
import type { Pointing } from "../measure/pointing";
import { roundWindow } from "./windowing";
import { type LinkHost, LINKS } from "./linkMenu";
import type { Pane } from "./pane";
import type { PaneState } from "./state";

/** What the left button does; a kind of measurement: draws one. */
export type Tool = "window" | "pan" | "zoom" | "scroll" | Kind;

export interface InputHost extends Pick<LinkHost, "toggleLink"> {
  /** The pane that keys act on. */
  readonly viewer: Pane;
  /** What the left button does. */
  tool: Tool;
  /** Hears of the left button first: it may draw, or take hold of what is drawn. */
  readonly measured: { readonly pointing: Pointing; readonly kind: Kind | null };
  /** In a page nothing else scrolls; in a notebook the wheel is the notebook's until the view has focus. */
  readonly ownsWheel: boolean;
  onProbe(pane: Pane, x: number, y: number): void;
  onLeave(): void;
  /** Go to the pane before or after; false where there is one alone. */
  onPaneStep(count: 1 | -1): boolean;
  onLayoutStep(count: 1 | -1): void;
  /** Let the left button do something else. */
  onTool(tool: Tool): void;
  onExpand(): void;
  /** Show three planes through the volume, or the images again. */
  onMpr(): void;
  readonly plots: { toggle(): void };
  /** Show the volume from outside: alone ("3d") or beside three planes ("mpr3d"); or the images again. */
  onVolume(layout: "3d" | "mpr3d"): void;
  /** Show one pane alone, or all again. */
  onMaximise(): void;
  /** Show the series before or after; false where there is no strip of them. */
  onSeriesStep(count: 1 | -1): boolean;
  readonly overlays: { toggle(): void };
  onHelp(): void;
  onSay(words: string): void;
  /** Close the nearest open thing; false if there is none. */
  onEscape(): boolean;
}

interface Drag {
  tool: Tool;
  start: PaneState;
  /** Takes it back. */
  undo(): void;
  x: number;
  y: number;
  /** Where it began on the canvas, device px. */
  point: [number, number];
  /** Fraction of a slice scrolled so far. */
  rest: number;
}

const WHEEL_STEP = 40;

/** A button or the rail: what happens there is its own. */
const isControl = (event: Event): boolean => event.target instanceof Element && event.target.closest("button, .rail") !== null;

export class Input {
  readonly #stage: HTMLElement;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  #drag: Drag | null = null;
  #pinch: { distance: number; x: number; y: number } | null = null;
  /** Three fingers: where they were, and the fraction of a slice scrolled so far. */
  #swipe: { y: number; rest: number } | null = null;
  #wheel = 0;

  constructor(readonly host: InputHost, readonly pane: Pane) {
    this.#stage = pane.element;
    const stage = this.#stage;
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    stage.addEventListener("pointerup", (event) => this.#up(event));
    stage.addEventListener("pointercancel", (event) => this.#up(event));
    stage.addEventListener("pointerleave", () => { if (this.#drag === null) host.onLeave(); });
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("auxclick", (event) => event.preventDefault());
    stage.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => { if (!isControl(event) && host.measured.kind === null) host.onMaximise(); });
  }

  get isDragging(): boolean {
    return this.#drag !== null || this.#pinch !== null || this.#swipe !== null;
  }

  #place(event: { clientX: number; clientY: number }): [number, number] {
    const box = this.#stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event: PointerEvent): void {
    if (isControl(event)) return;
    this.#stage.focus({ preventScroll: true });
    this.#stage.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (event.button === 1) event.preventDefault(); // no autoscroll
    if (this.#pointers.size === 2) {
      this.#drag = null;
      this.host.measured.pointing.abandon();
      this.#pinch = this.#spread();
      return;
    }
    if (this.#pointers.size === 3) {
      [this.#drag, this.#pinch] = [null, null];
      this.host.measured.pointing.abandon();
      this.#swipe = { y: this.#middle(), rest: 0 };
    }
    if (this.#pointers.size > 2) return;
    const tool = event.button === 1 ? "pan" : event.button === 2 ? "zoom" : event.ctrlKey ? "zoom" : this.host.tool;
    const [x, y] = this.#place(event);
    if (tool === this.host.tool && event.button === 0 && this.host.measured.pointing.down(this.pane, event, [x, y])) return;
    const start = this.pane.told;
    this.#drag = {
      tool, start, undo: this.pane.remember?.() ?? (() => this.pane.set(start, "now")), x: event.clientX, y: event.clientY,
      point: [x * this.pane.pixelRatio, y * this.pane.pixelRatio], rest: 0,
    };
    this.#stage.classList.add("dragging");
  }

  #move(event: PointerEvent): void {
    const at = this.#place(event);
    this.host.onProbe(this.pane, ...at);
    const isTaken = this.host.measured.pointing.move(this.pane, event, at);
    const known = this.#pointers.get(event.pointerId);
    if (known === undefined) return;
    const [dx, dy] = [event.clientX - known.x, event.clientY - known.y];
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#swipe !== null) this.#onSwipe(this.#swipe);
    else if (this.#pinch !== null) this.#onPinch();
    else if (!isTaken && this.#drag !== null) this.#onDrag(this.#drag, event, dx, dy);
  }

  #up(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    if (event.type === "pointercancel") this.host.measured.pointing.abandon();
    else this.host.measured.pointing.up(event, this.#place(event));
    if (this.#pointers.size > 0) return;
    const wasDragging = this.isDragging;
    [this.#drag, this.#pinch, this.#swipe] = [null, null, null];
    this.#stage.classList.remove("dragging");
    if (wasDragging) this.pane.tell();
  }

  #onDrag(drag: Drag, event: PointerEvent, dx: number, dy: number): void {
    const { pane } = this;
    if (pane.dragBy) pane.dragBy(drag.tool, dx, dy, event.shiftKey);
    else if (drag.tool === "pan") pane.panBy(dx, dy, "not yet");
    else if (drag.tool === "zoom") pane.zoomTo(drag.start.zoom * Math.exp((drag.y - event.clientY) / 200), "not yet", drag.point);
    else if (drag.tool === "scroll") {
      drag.rest += dy / 6;
      const steps = Math.trunc(drag.rest);
      drag.rest -= steps;
      if (steps !== 0) pane.step(steps, "not yet");
    } else if (drag.start.window !== null) {
      // A drag of 300 px doubles the width, or moves the level by one width.
      const { center, width } = drag.start.window;
      const rate = Math.max(width, width >= 1 ? 20 : 0) / 300;
      pane.setWindow(roundWindow({
        ...drag.start.window, center: center + (event.clientY - drag.y) * rate,
        width: Math.max(width + (event.clientX - drag.x) * rate, width >= 1 ? 1 : width / 1000),
      }), "not yet");
    }
  }

  #spread(): { distance: number; x: number; y: number } {
    const [a, b] = [...this.#pointers.values()] as [{ x: number; y: number }, { x: number; y: number }];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  #middle(): number {
    const places = [...this.#pointers.values()];
    return places.reduce((sum, { y }) => sum + y, 0) / places.length;
  }

  #onSwipe(swipe: { y: number; rest: number }): void {
    if (this.#pointers.size !== 3) return;
    const y = this.#middle();
    swipe.rest += (y - swipe.y) / 12;
    swipe.y = y;
    const steps = Math.trunc(swipe.rest);
    swipe.rest -= steps;
    if (steps !== 0) this.pane.step(steps, "not yet");
  }

  #onPinch(): void {
    if (this.#pinch === null || this.#pointers.size !== 2) return;
    const { pane } = this;
    const now = this.#spread();
    const [x, y] = this.#place({ clientX: now.x, clientY: now.y });
    pane.panBy(now.x - this.#pinch.x, now.y - this.#pinch.y, "not yet");
    if (this.#pinch.distance > 0 && now.distance > 0) {
      pane.zoomBy(now.distance / this.#pinch.distance, "not yet", [x * pane.pixelRatio, y * pane.pixelRatio]);
    }
    this.#pinch = now;
  }

  #onWheel(event: WheelEvent): void {
    const root = this.#stage.getRootNode() as Document | ShadowRoot;
    if (!this.host.ownsWheel && root.activeElement !== this.#stage) return;
    event.preventDefault();
    const { pane } = this;
    const delta = (event.deltaY || (event.altKey ? event.deltaX : 0)) * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 40 : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? 400 : 1);
    if (event.ctrlKey) {
      const [x, y] = this.#place(event);
      pane.zoomBy(Math.exp(-Math.max(-120, Math.min(120, delta)) / 400), "rest", [x * pane.pixelRatio, y * pane.pixelRatio]);
      return;
    }
    // A wheel's notch (100 or more at once) is one slice; a trackpad's trickle adds up.
    if (Math.sign(delta) !== Math.sign(this.#wheel)) this.#wheel = 0;
    this.#wheel += Math.abs(delta) >= 100 ? Math.sign(delta) * WHEEL_STEP : delta;
    const steps = Math.trunc(this.#wheel / WHEEL_STEP);
    this.#wheel -= steps * WHEEL_STEP;
    if (steps === 0) return;
    if (event.altKey && pane.stepExtra) pane.stepExtra(steps);
    else pane.step(steps);
  }

  /** Handle a key; true if it was ours. */
  key(event: KeyboardEvent): boolean {
    if (isCommand(event)) return false;
    const action = this.#actions[event.key];
    if (action === undefined) return false;
    return action() !== false;
  }

  #toEnd(end: "first" | "last"): void {
    this.host.viewer.stepToEnd?.(end);
  }

  #stepExtra(count: number): void {
    if (!this.host.viewer.stepExtra?.(count)) this.host.onSay("This series has no time, echo or b-value to go along");
  }

  /** Play slower or faster; on a volume, which is not played and whose brackets are others, go along. */
  #changeRate(direction: 1 | -1): void {
    const { viewer } = this.host;
    if (viewer.changeRate) viewer.changeRate(direction);
    else this.#stepExtra(direction);
  }

  /** Take back the drag in progress. */
  #cancelDrag(): boolean {
    if (this.#drag === null) return false;
    const drag = this.#drag;
    this.#drag = null;
    this.#pointers.clear();
    this.#stage.classList.remove("dragging");
    drag.undo();
    return true;
  }

  readonly #actions: Record<string, () => boolean | void> = {
    ArrowUp: () => this.host.viewer.step(-1),
    ArrowDown: () => this.host.viewer.step(1),
    Home: () => this.#toEnd("first"),
    End: () => this.#toEnd("last"),
    "[": () => this.#stepExtra(-1),
    "]": () => this.#stepExtra(1),
    "{": () => this.#changeRate(-1),
    "}": () => this.#changeRate(1),
    ArrowLeft: () => this.host.onPaneStep(-1),
    ArrowRight: () => this.host.onPaneStep(1),
    ",": () => this.host.onLayoutStep(-1),
    ".": () => this.host.onLayoutStep(1),
    M: () => this.host.onMpr(),
    G: () => this.host.plots.toggle(),
    D: () => this.host.onVolume("3d"),
    B: () => this.host.onVolume("mpr3d"),
    PageUp: () => this.host.onSeriesStep(-1),
    PageDown: () => this.host.onSeriesStep(1),
    "+": () => this.host.viewer.zoomBy(1.25),
    "-": () => this.host.viewer.zoomBy(0.8),
    "=": () => this.host.viewer.fit(),
    i: () => this.host.viewer.invert(),
    O: () => this.host.overlays.toggle(),
    z: () => this.host.onTool(this.host.tool === "zoom" ? "window" : "zoom"),
    F: () => this.host.onExpand(),
    r: () => this.host.viewer.turn(true),
    l: () => this.host.viewer.turn(false),
    h: () => this.host.viewer.mirror("horizontal"),
    v: () => this.host.viewer.mirror("vertical"),
    c: () => this.host.viewer.toggleCine(),
    " ": () => this.host.viewer.reset(),
    "0": () => this.host.viewer.autoWindow(),
    d: () => this.host.onSay(this.host.viewer.cycleWindows()),
    ...Object.fromEntries(LINKS.map(({ name, key }) => [key, () => this.host.toggleLink(name)])),
    "?": () => this.host.onHelp(),
    Escape: () => this.#cancelDrag() || this.host.onEscape(),
    ...Object.fromEntries([..."123456789"].map((key) => [key, () => {
      if (!this.host.viewer.preset(key)) this.host.onSay("Presets are Hounsfield units: this series has none");
    }])),
  };
}
