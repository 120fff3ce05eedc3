/** The toolbar: what the left button does, turns, the window's picker; tooltips that say name and key. */
import { type Attributes, el } from "../ground/dom";
import { icon, type IconName } from "../ground/icons";
import { formatAtScale } from "../ground/numbers";
import type { Tool } from "./input";
import { sameWindow } from "./state";
import type { Viewer } from "./viewer";
import { choicesFor, type WindowChoice } from "./windowing";

export interface ToolbarHost {
  readonly viewer: Viewer;
  readonly mode: "page" | "cell";
  tool: Tool;
  onHelp(): void;
  onCopy(): void;
  onExpand(): void;
}

interface Item {
  icon: IconName;
  name: string;
  key?: string;
  hint?: string;
  run(): void;
  isOn?(): boolean;
}

/** One tooltip for a bar: after 400 ms, below the button, never over the patient's identity. */
class Tooltip {
  readonly element = el("div", { class: "tip pop", role: "tooltip", hidden: true });
  #timer = 0;

  constructor(readonly leftBound: () => number) {}

  attach(button: HTMLElement, { name, key, hint }: Pick<Item, "name" | "key" | "hint">): void {
    const show = (): void => {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => {
        this.element.replaceChildren(el("span", { class: "m" }, name), ...(key ? [el("span", { class: "kbd" }, key)] : []), ...(hint ? [el("span", { class: "t3" }, hint)] : []));
        this.element.hidden = false;
        const host = (this.element.offsetParent ?? this.element.parentElement ?? this.element).getBoundingClientRect();
        const box = button.getBoundingClientRect();
        const left = Math.max(box.left - host.left, this.leftBound() + 16 - host.left);
        this.element.style.left = `${Math.max(4, Math.min(left, host.width - this.element.offsetWidth - 4))}px`;
        this.element.style.top = `${box.bottom - host.top + 8}px`;
      }, 400);
    };
    const hide = (): void => {
      clearTimeout(this.#timer);
      this.element.hidden = true;
    };
    button.addEventListener("pointerenter", show);
    button.addEventListener("focus", () => { if (button.matches(":focus-visible")) show(); });
    for (const event of ["pointerleave", "blur", "pointerdown"]) button.addEventListener(event, hide);
  }
}

export class Toolbar {
  readonly element = el("div", { class: "tools", role: "toolbar", "aria-label": "Viewer" });
  readonly tooltip: Tooltip;
  readonly #refresh: (() => void)[] = [];
  readonly #menu = el("div", { class: "menu pop", role: "menu", hidden: true });
  #pick: HTMLButtonElement | null = null;

  constructor(readonly host: ToolbarHost) {
    this.tooltip = new Tooltip(() => host.viewer.stage.identityEdge);
    const { viewer } = host;
    this.#group(this.#tools());
    this.element.append(el("span", { class: "vr" }));
    this.#group([
      { icon: "rotate", name: "Turn clockwise", key: "r", hint: "l turns back", run: () => viewer.turn(true) },
      { icon: "flip", name: "Mirror left to right", key: "h", hint: "v mirrors top to bottom", run: () => viewer.mirror("horizontal"), isOn: () => viewer.state.flipped },
      { icon: "invert", name: "Invert", key: "i", run: () => viewer.invert(), isOn: () => viewer.state.inverted },
      { icon: "play", name: "Play", key: "c", hint: "through the slices, 15 a second", run: () => viewer.toggleCine(), isOn: () => viewer.isPlaying },
      { icon: "reset", name: "Reset", key: "Space", hint: "window, zoom, place and turn", run: () => viewer.reset() },
    ]);
    this.element.append(el("span", { class: "vr" }), this.#picker(), el("span", { class: "grow" }));
    if (host.mode === "page") {
      this.element.append(el("button", { class: "btn s", click: () => host.onCopy() }, icon("code", "s"), "Copy as Python"));
    } else {
      this.#group([{ icon: "expand", name: "Full screen", run: () => host.onExpand() }]);
    }
  }

  /** Popover layers that belong above the stage. */
  get layers(): HTMLElement[] {
    return [this.tooltip.element, this.#menu];
  }

  refresh(): void {
    for (const update of this.#refresh) update();
  }

  /** Close the open menu; false if none is open. */
  closeMenu(): boolean {
    if (this.#menu.hidden) return false;
    this.#menu.hidden = true;
    this.#pick?.setAttribute("aria-expanded", "false");
    this.#pick?.focus();
    return true;
  }

  #tools(): Item[] {
    const tool = (name: Tool, shape: IconName, label: string, hint: string): Item => ({
      icon: shape, name: label, hint, isOn: () => this.host.tool === name,
      run: () => {
        this.host.tool = name;
        this.refresh();
      },
    });
    return [
      tool("window", "window", "Window", "left drag: width across, level up and down"),
      tool("pan", "pan", "Pan", "left drag; the middle button always does"),
      tool("zoom", "zoom", "Zoom", "left drag; the right button always does"),
      tool("scroll", "stack", "Scroll", "left drag; the wheel always does"),
    ];
  }

  #group(items: Item[]): void {
    for (const item of items) {
      const attributes: Attributes = { class: "ib", "aria-label": item.name, click: () => item.run() };
      const button = el("button", attributes, icon(item.icon));
      this.tooltip.attach(button, item);
      const { isOn } = item;
      if (isOn) this.#refresh.push(() => {
        button.classList.toggle("on", isOn());
        button.setAttribute("aria-pressed", String(isOn()));
      });
      this.element.append(button);
    }
  }

  #picker(): HTMLElement {
    const name = el("span", { class: "m" });
    const numbers = el("span", { class: "t3" });
    const key = el("span", { class: "kbd" });
    const pick = el("button", { class: "pick", "aria-haspopup": "menu", "aria-expanded": "false", click: () => this.#toggleMenu() },
      icon("window", "s"), name, numbers, key, icon("down", "s"));
    this.#pick = pick;
    this.#refresh.push(() => {
      const { viewer } = this.host;
      const window_ = viewer.window;
      pick.hidden = window_ === null;
      if (window_ === null || viewer.stack === null) return;
      const known = this.#choices().find((choice) => sameWindow(choice.window, window_));
      name.textContent = known?.name ?? "Window";
      numbers.textContent = `${formatAtScale(window_.width, window_.width)} / ${formatAtScale(window_.center, window_.width)}`;
      key.textContent = known?.key ?? "";
      key.hidden = !known?.key;
    });
    this.#menu.addEventListener("keydown", (event) => this.#onMenuKey(event));
    this.#menu.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node && (this.#menu.contains(event.relatedTarget) || pick.contains(event.relatedTarget)))) this.#menu.hidden = true;
    });
    return pick;
  }

  #choices(): WindowChoice[] {
    const { stack } = this.host.viewer;
    return stack === null ? [] : choicesFor(stack);
  }

  #toggleMenu(): void {
    if (this.closeMenu()) return;
    const { viewer } = this.host;
    const item = (name: string, numbers: string, key: string, run: () => void): HTMLElement =>
      el("button", { role: "menuitem", class: "item", click: () => { run(); this.closeMenu(); viewer.stage.element.focus(); } },
        el("span", { class: "grow" }, name), el("span", { class: "t3" }, numbers), el("span", { class: key ? "kbd" : "nokbd" }, key));
    this.#menu.replaceChildren(
      ...this.#choices().map(({ name, key, window: { width, center }, window: window_ }) =>
        item(name, `${formatAtScale(width, width)} / ${formatAtScale(center, width)}`, key, () => viewer.setWindow(window_))),
      item("From the pixels", "1st to 99th percentile", "0", () => viewer.autoWindow()));
    this.#menu.hidden = false;
    this.#pick?.setAttribute("aria-expanded", "true");
    const host = (this.#menu.offsetParent ?? this.#menu).getBoundingClientRect();
    const box = this.#pick?.getBoundingClientRect();
    if (box) {
      this.#menu.style.left = `${Math.min(box.left - host.left, host.width - this.#menu.offsetWidth - 4)}px`;
      this.#menu.style.top = `${box.bottom - host.top + 4}px`;
    }
    this.#menu.querySelector<HTMLElement>(".item")?.focus();
  }

  #onMenuKey(event: KeyboardEvent): void {
    const items = [...this.#menu.querySelectorAll<HTMLElement>(".item")];
    const at = items.indexOf((this.#menu.getRootNode() as ShadowRoot).activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (next !== undefined) items[(next + items.length) % items.length]?.focus();
    else if (event.key === "Escape") this.closeMenu();
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
  }
}
