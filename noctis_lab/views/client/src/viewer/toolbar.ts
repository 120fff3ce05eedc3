/** The toolbar: what the left button does, turns, the window's picker; tooltips that say name and key. */
import { type Attributes, el } from "../ground/dom";
import { icon, type IconName } from "../ground/icons";
import { Made } from "../ground/made";
import { formatAtScale } from "../ground/numbers";
import { type GroupHost, MeasureGroup } from "../measure/group";
import type { OverlayTools } from "../overlay/tools";
import { type Grid, labelOf, LAYOUTS, MPR, MPR_3D, VOLUME } from "./grid";
import type { Tool } from "./input";
import { LinkMenu, type LinkHost } from "./linkMenu";
import { Menu } from "./menu";
import type { OwnPresets } from "./ownPresets";
import type { Pane } from "./pane";
import { sameWindow } from "./state";
import { choicesFor, type WindowChoice } from "./windowing";

/** A button with a menu that a part of the app brings along. */
export interface ToolbarPart {
  readonly button: HTMLButtonElement;
  readonly menu: Menu;
  readonly words: { name: string; key?: string; hint?: string };
  /** Handle a key; true if it was the part's. */
  key(event: KeyboardEvent): boolean;
}

/** A cell shows what it was given: keys of a page's parts say where these are. */
const IN_PAGE: Record<string, string> = {
  ...Object.fromEntries(["H", "<", ">"].map((key) => [key, "Hanging protocols are in the study's page; here lab.hanging_protocols() has them"])),
  S: "Sessions are in the study's page; here view.save_session(name) and lab.viewer_sessions()",
};

export function sayInPage({ key, altKey, ctrlKey, metaKey }: KeyboardEvent, say: (words: string) => void): boolean {
  const words = IN_PAGE[key];
  if (words === undefined || altKey || ctrlKey || metaKey) return false;
  say(words);
  return true;
}

export interface ToolbarHost extends LinkHost {
  /** They stand at the right, in this order. */
  readonly parts: readonly ToolbarPart[];
  /** The pane that the tools act on. */
  readonly viewer: Pane;
  readonly grid: Grid;
  readonly mode: "page" | "cell";
  tool: Tool;
  readonly presets: OwnPresets;
  readonly measured: GroupHost;
  readonly overlays: { readonly tools: OverlayTools };
  /** Another tool was taken. */
  onTools(): void;
  readonly plots: { readonly plot: string; toggle(): void };
  onLayout(name: string): void;
  onMpr(): void;
  onVolume(layout: "3d" | "mpr3d"): void;
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

  /** `identities` are the boxes that it must not cover. */
  constructor(readonly identities: () => DOMRect[]) {}

  attach(button: HTMLElement, words: Pick<Item, "name" | "key" | "hint">): void {
    const show = (): void => {
      const { name, key, hint } = words;
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => {
        this.element.replaceChildren(el("span", { class: "m" }, name), ...(key ? [el("span", { class: "kbd" }, key)] : []), ...(hint ? [el("span", { class: "t3" }, hint)] : []));
        this.element.hidden = false;
        const host = (this.element.offsetParent ?? this.element.parentElement ?? this.element).getBoundingClientRect();
        const box = button.getBoundingClientRect();
        const { left, top } = freePlace(box.left, box.bottom + 8, this.element.getBoundingClientRect(), host, this.identities());
        this.element.style.left = `${left - host.left}px`;
        this.element.style.top = `${top - host.top}px`;
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

  close(): void {
    clearTimeout(this.#timer);
  }
}

/** Return where a box stands free of others: as near to its place as there is room to the right, else below them. */
export function freePlace(
  left: number, top: number, size: Pick<DOMRect, "width" | "height">, host: Pick<DOMRect, "left" | "right">,
  taken: readonly Pick<DOMRect, "left" | "right" | "top" | "bottom">[],
): { left: number; top: number } {
  const inside = (x: number): number => Math.max(host.left + 4, Math.min(x, host.right - size.width - 4));
  const covered = (x: number): Pick<DOMRect, "left" | "right" | "top" | "bottom">[] => taken.filter((box) =>
    x < box.right + 16 && x + size.width > box.left && top < box.bottom && top + size.height > box.top);
  const places = [left, ...taken.map((box) => box.right + 16).filter((x) => x > left).sort((a, b) => a - b)];
  const free = places.map(inside).find((x) => covered(x).length === 0);
  if (free !== undefined) return { left: free, top };
  const at = inside(left);
  return { left: at, top: Math.max(...covered(at).map((box) => box.bottom)) + 8 };
}

export class Toolbar {
  readonly element = el("div", { class: "tools", role: "toolbar", "aria-label": "Viewer" });
  readonly tooltip: Tooltip;
  readonly #refresh: (() => void)[] = [];
  readonly #menus: Menu[] = [];

  constructor(readonly host: ToolbarHost) {
    this.tooltip = new Tooltip(() => host.grid.panes.map((pane) => pane.identityBox()));
    this.#group(this.#tools());
    this.element.append(el("span", { class: "vr" }), ...this.#measuring(), el("span", { class: "vr" }));
    this.#group([
      { icon: "rotate", name: "Turn clockwise", key: "r", hint: "l turns back", run: () => host.viewer.turn(true) },
      { icon: "flip", name: "Mirror left to right", key: "h", hint: "v mirrors top to bottom", run: () => host.viewer.mirror("horizontal"), isOn: () => host.viewer.state.flipped },
      { icon: "invert", name: "Invert", key: "i", run: () => host.viewer.invert(), isOn: () => host.viewer.state.inverted },
      { icon: "play", name: "Play", key: "c", hint: "along time or through the slices; { and } set the rate", run: () => host.viewer.toggleCine(), isOn: () => host.viewer.isPlaying },
      { icon: "reset", name: "Reset", key: "Space", hint: "window, zoom, place and turn", run: () => host.viewer.reset() },
    ]);
    this.#group([{ icon: "mpr", name: "MPR", key: "⇧ M", hint: "three planes through the volume", run: () => host.onMpr(), isOn: () => host.grid.layout === MPR },
      { icon: "cube", name: "3D", key: "⇧ D", hint: "the volume from outside; ⇧ B beside three planes", run: () => host.onVolume("3d"), isOn: () => host.grid.layout.volume === true }]);
    this.#overlay();
    this.#group([{ icon: "plot", name: "Plots", key: "⇧ G", hint: "histogram, profile, curve over time", run: () => host.plots.toggle(), isOn: () => host.plots.plot !== "" }]);
    this.element.append(el("span", { class: "vr" }), this.#picker(), this.#layouts(), this.#links(), el("span", { class: "grow" }));
    for (const { button, menu, words } of host.parts) {
      this.#menus.push(menu);
      this.tooltip.attach(button, words);
      this.element.append(button);
    }
    if (host.mode === "page") {
      this.element.append(el("button", { class: "btn s", click: () => host.onCopy() }, icon("code", "s"), "Copy as Python"));
    }
    this.#group([{ icon: "expand", name: "Full screen", key: "⇧ F", run: () => host.onExpand() }]);
  }

  /** Popover layers that belong above the stage. */
  get layers(): HTMLElement[] {
    return [this.tooltip.element, ...this.#menus.map((menu) => menu.element)];
  }

  refresh(): void {
    for (const update of this.#refresh) update();
  }

  close(): void {
    this.tooltip.close();
  }

  /** Close the open menu; false if none is open. */
  closeMenu(): boolean {
    return this.#menus.some((menu) => menu.close());
  }

  #tools(): Item[] {
    const tool = (name: Tool, shape: IconName, label: string, hint: string): Item => ({
      icon: shape, name: label, hint, isOn: () => this.host.tool === name,
      run: () => {
        this.host.tool = name;
        this.host.onTools();
      },
    });
    return [
      tool("window", "window", "Window", "left drag: width across, level up and down"),
      tool("pan", "pan", "Pan", "left drag; the middle button always does"),
      { ...tool("zoom", "zoom", "Zoom", "left drag; the right button always does"), key: "z" },
      tool("scroll", "stack", "Scroll", "left drag; the wheel always does"),
    ];
  }

  #group(items: Item[]): void {
    for (const item of items) {
      const attributes: Attributes = { class: "ib", "aria-label": item.name, click: () => item.run() };
      const button = el("button", attributes, icon(item.icon));
      this.tooltip.attach(button, item);
      const { isOn } = item;
      const made = new Made();
      if (isOn) this.#refresh.push(() => {
        const isPressed = isOn();
        if (!made.isNew(isPressed)) return;
        button.classList.toggle("on", isPressed);
        button.setAttribute("aria-pressed", String(isPressed));
      });
      this.element.append(button);
    }
  }

  #measuring(): HTMLElement[] {
    const group = new MeasureGroup(this.host.measured, (button, words) => this.tooltip.attach(button, words));
    const menu: Menu = new Menu(group.more, () => group.items(() => menu.close()));
    this.#menus.push(menu);
    this.#refresh.push(() => group.refresh());
    return [group.button, group.more, group.undo, group.redo];
  }

  #overlay(): void {
    const { elements, menu, button } = this.host.overlays.tools;
    if (menu !== null) this.#menus.push(menu);
    this.tooltip.attach(button, { name: "Overlay", key: "⇧ O", hint: "shows and hides segments over the image" });
    this.element.append(...elements);
  }

  #picker(): HTMLElement {
    const name = el("span", { class: "m" });
    const numbers = el("span", { class: "t3" });
    const key = el("span", { class: "kbd" });
    const made = new Made();
    const pick = el("button", { class: "pick", "aria-haspopup": "menu", "aria-expanded": "false" },
      icon("window", "s"), name, numbers, key, icon("down", "s"));
    const menu = new Menu(pick, () => this.#windowItems(() => menu.close()));
    this.#menus.push(menu);
    this.#refresh.push(() => {
      const { viewer } = this.host;
      const window_ = viewer.window;
      pick.hidden = window_ === null;
      if (window_ === null || viewer.stack === null) return;
      const known = this.#choices().find((choice) => sameWindow(choice.window, window_) && choice.voi_lut === viewer.told.voi_lut);
      const said = [known?.name ?? "Window", known?.key ?? ""] as const;
      numbers.textContent = `${formatAtScale(window_.width, window_.width)} / ${formatAtScale(window_.center, window_.width)}`;
      if (!made.isNew(...said)) return;
      [name.textContent, key.textContent] = said;
      key.hidden = said[1] === "";
    });
    return pick;
  }

  #choices(): WindowChoice[] {
    const { stack } = this.host.viewer;
    return stack === null ? [] : choicesFor(stack, this.host.presets.of(stack.modality));
  }

  #windowItems(close: () => void): HTMLElement[] {
    const { viewer } = this.host;
    const item = (name: string, numbers: string, key: string, run: () => void): HTMLElement =>
      el("button", { role: "menuitem", class: "item", click: () => { run(); close(); viewer.focus(); } },
        el("span", { class: "grow" }, name), el("span", { class: "t3" }, numbers), el("span", { class: key ? "kbd" : "nokbd" }, key));
    return [
      ...this.#choices().map(({ name, key, window: { width, center }, window: window_, voi_lut }) =>
        item(name, voi_lut !== null ? "table" : `${formatAtScale(width, width)} / ${formatAtScale(center, width)}`, key, () => viewer.setWindow(window_, "now", voi_lut))),
      item("From the pixels", "1st to 99th percentile", "0", () => viewer.autoWindow()),
    ];
  }

  #links(): HTMLElement {
    const links = new LinkMenu(this.host);
    this.#menus.push(links.menu);
    this.tooltip.attach(links.button, { name: "Links", key: "P W Z", hint: "with Shift: what the panes share" });
    this.#refresh.push(() => links.refresh(this.host.grid.panes.length));
    return links.button;
  }

  /** The picker of a layout: nine, where they stand as they are named. */
  #layouts(): HTMLElement {
    const { grid } = this.host;
    const name = el("span", { class: "m" });
    const pick = el("button", { class: "pick", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": "Layout" }, icon("layout", "s"), name, icon("down", "s"));
    const inPlace = [...[...LAYOUTS].sort((a, b) => a.rows - b.rows || a.columns - b.columns), MPR, MPR_3D, VOLUME];
    const menu = new Menu(pick, () => inPlace.map((layout) => el("button", {
      role: "menuitemradio", "aria-checked": String(layout === grid.layout), class: layout === grid.layout ? "item on" : "item",
      click: () => { menu.close(); this.host.onLayout(layout.name); },
    }, labelOf(layout))), "layouts");
    menu.element.dataset["columns"] = "3";
    this.#menus.push(menu);
    this.tooltip.attach(pick, { name: "Layout", key: ", .", hint: "how many panes; double click shows one alone" });
    this.#refresh.push(() => { name.textContent = labelOf(grid.layout); });
    return pick;
  }
}
