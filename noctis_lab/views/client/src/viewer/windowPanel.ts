/** The window panel: the slice's histogram with two handles, width and level (or min and max), presets. */
import { el, svg } from "../ground/dom";
import { icon } from "../ground/icons";
import { formatAtScale } from "../ground/numbers";
import { type Colormap, COLORMAPS, stopsOf } from "./colormaps";
import { histogramOf, ticksBetween } from "./histogram";
import { colormapOf } from "./look";
import { LONGEST_NAME, type OwnPresets } from "./ownPresets";
import type { Pane } from "./pane";
import type { Window } from "./state";
import { choicesFor, isLeastWhite, makeWindow, OWN_WINDOWS, roundWindow } from "./windowing";

const WIDTH = 312;
const HEIGHT = 72;
const BINS = 156;

export class WindowPanel {
  readonly element = el("section", { "aria-label": "Window" });
  readonly #chart = svg("svg", { viewBox: `0 0 ${WIDTH} 106`, width: "100%", class: "histogram" });
  readonly #first = el("input", { inputmode: "decimal", "aria-label": "Width" });
  readonly #second = el("input", { inputmode: "decimal", "aria-label": "Level" });
  readonly #names = [el("span", { class: "k" }, "Width"), el("span", { class: "k" }, "Level")] as const;
  readonly #presets = el("div", { class: "presets", role: "group", "aria-label": "Presets" });
  readonly #units = el("span", { class: "f12 t3" });
  readonly #colormap = el("select", { "aria-label": "Colours" }, ...COLORMAPS.map(({ name, label }) => el("option", { value: name }, label)));
  /** The chart's range: it rests while a handle is dragged. */
  #range: [number, number] = [0, 1];
  /** Of the slice that was counted last, as points. */
  #outline = outlineOf(new Uint32Array(BINS));
  #asLimits = false;
  #dragged: "low" | "high" | null = null;
  #timer = 0;

  constructor(readonly host: { readonly viewer: Pane; readonly presets: OwnPresets; onSay(words: string): void }) {
    const swap = el("button", { class: "ib s", "aria-label": "Minimum and maximum instead of width and level", title: "Minimum and maximum", click: () => this.#swap() }, icon("swap", "s"));
    const reset = el("button", { class: "ib s", "aria-label": "The image's own window", title: "The image's own window", click: () => this.viewer.setWindow(null) }, icon("reset", "s"));
    const field = (name: HTMLElement, input: HTMLInputElement): HTMLElement => el("label", { class: "num grow" }, name, input);
    this.element.append(
      el("div", { class: "ph" }, el("span", { class: "ttl" }, "Window"), el("span", { class: "grow" }), this.#units),
      el("div", { class: "sec" }, this.#chart,
        el("div", { class: "row g2" }, field(this.#names[0], this.#first), field(this.#names[1], this.#second), swap, reset),
        el("label", { class: "num colormap" }, el("span", { class: "k grow" }, "Colours"), this.#colormap)),
      el("div", { class: "hr" }), this.#fold(), this.#presets, el("div", { class: "hr" }));
    this.#presets.hidden = true;
    this.#colormap.addEventListener("change", () => this.viewer.set({ colormap: this.#colormap.value as Colormap }));
    this.#colormap.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape") this.viewer.focus();
    });
    for (const input of [this.#first, this.#second]) {
      input.addEventListener("change", () => this.#onTyped());
      input.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key === "Enter") this.#onTyped();
        if (event.key === "Escape" || event.key === "Enter") this.viewer.focus();
      });
    }
    this.#chart.addEventListener("pointermove", (event) => this.#onDrag(event));
    this.#chart.addEventListener("pointerup", () => this.#onDrop());
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** The pane whose window this is. */
  get viewer(): Pane {
    return this.host.viewer;
  }

  /** The head of the presets, which opens them: the toolbar's picker and the keys have them too. */
  #fold(): HTMLElement {
    const head = el("button", { class: "ph fold", "aria-expanded": "false", click: () => {
      this.#presets.hidden = !this.#presets.hidden;
      head.setAttribute("aria-expanded", String(!this.#presets.hidden));
    } }, el("span", { class: "ttl grow" }, "Presets"), icon("down", "s"));
    return head;
  }

  /** Another stack: its presets and units. */
  describe(): void {
    const { stack } = this.viewer;
    const own = stack === null ? [] : this.host.presets.of(stack.modality);
    const choices = stack === null ? [] : choicesFor(stack);
    const button = (name: string, key: string, title: string, run: () => void): HTMLElement =>
      el("button", { class: "preset", title, click: run }, el("span", { class: "grow ell" }, name), key ? el("span", { class: "kbd" }, key) : null);
    this.#presets.replaceChildren(
      ...own.map(({ name, window: window_ }) => el("div", { class: "row own" },
        button(name, "", `Width ${formatAtScale(window_.width, window_.width)}, level ${formatAtScale(window_.center, window_.width)}`, () => this.viewer.setWindow(window_)),
        el("button", { class: "ib s", "aria-label": `Delete preset ${name}`, click: () => this.#forget(name) }, icon("close", "s")))),
      ...choices.map(({ name, key, window: { width, center }, window: window_, voi_lut }) => button(name, key,
        `${voi_lut !== null ? "A table of the image (VOI LUT)" : `Width ${formatAtScale(width, width)}, level ${formatAtScale(center, width)}`}${key === "d" ? `; d: ${OWN_WINDOWS}` : ""}`,
        () => this.viewer.setWindow(window_, "now", voi_lut))),
      button("From the pixels", "0", "From the 1st to the 99th percentile of this slice", () => this.viewer.autoWindow()),
      this.#naming());
    this.#units.textContent = stack === null ? "" : `this slice${stack.units === null ? "" : `, ${stack.units}`}`;
    this.element.classList.toggle("void", stack === null);
    this.element.hidden = stack?.photometric_interpretation === "RGB" || stack?.frames[0]?.dtype === "rgb8" || stack?.frames.length === 0;
  }

  /** A line to keep the window in use under a name. */
  #naming(): HTMLElement {
    const name = el("input", { "aria-label": "Name of a new preset", placeholder: "Keep as preset", maxlength: LONGEST_NAME });
    const save = (): void => {
      const { stack, window: window_ } = this.viewer;
      const saving = stack === null || window_ === null ? Promise.resolve("There is no window to keep") : this.host.presets.save(name.value, stack.modality, window_);
      void saving.then((refusal) => {
        this.host.onSay(refusal ?? `Preset ${name.value.trim()} kept`);
        if (refusal === null) this.viewer.focus();
      });
    };
    name.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") save();
      if (event.key === "Escape") this.viewer.focus();
    });
    return el("div", { class: "row g1 naming" }, el("div", { class: "num grow" }, name), el("button", { class: "ib s", "aria-label": "Keep as preset", click: save }, icon("plus", "s")));
  }

  #forget(name: string): void {
    void this.host.presets.remove(name, this.viewer.stack?.modality ?? null).then((refusal) => { if (refusal !== null) this.host.onSay(refusal); });
    this.viewer.focus();
  }

  /** The window changed: numbers and handles now, the curve once things rest. */
  refresh(): void {
    const window_ = this.viewer.window;
    if (window_ === null) return;
    this.#write(window_);
    this.#colormap.value = this.viewer.told.colormap ?? "grey";
    this.#drawChart(window_);
    if (this.#dragged === null) this.recount();
  }

  /** Count the slice in view anew, when things have rested. */
  recount(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      const [values, window_] = [this.viewer.plane()?.values(), this.viewer.window];
      if (values === undefined || window_ === null || values.channels !== 1 || this.element.offsetParent === null) return;
      this.#range = [window_.center - 0.85 * window_.width, window_.center + 1.15 * window_.width];
      this.#outline = outlineOf(histogramOf(values, ...this.#range, BINS));
      this.#drawChart(window_);
    }, 120);
  }

  #write({ center, width }: Window): void {
    const root = this.element.getRootNode() as Document | ShadowRoot;
    const [first, second] = this.#asLimits ? [center - width / 2, center + width / 2] : [width, center];
    if (root.activeElement !== this.#first) this.#first.value = formatAtScale(first, width);
    if (root.activeElement !== this.#second) this.#second.value = formatAtScale(second, width);
  }

  #swap(): void {
    this.#asLimits = !this.#asLimits;
    const names = this.#asLimits ? ["Min", "Max"] : ["Width", "Level"];
    names.forEach((name, i) => { (this.#names[i] as HTMLElement).textContent = name; });
    this.#first.setAttribute("aria-label", names[0] as string);
    this.#second.setAttribute("aria-label", names[1] as string);
    this.refresh();
  }

  #onTyped(): void {
    const [first, second] = [this.#first, this.#second].map((input) => Number(input.value.replace(/[\s\u2009]/g, "").replace("−", "-"))) as [number, number];
    const voi = this.viewer.window?.function;
    const window_ = this.#asLimits ? makeWindow((first + second) / 2, second - first, voi) : makeWindow(second, first, voi);
    const isWindow = Number.isFinite(window_.center) && window_.width > 0;
    for (const input of [this.#first, this.#second]) input.setAttribute("aria-invalid", String(!isWindow));
    this.element.classList.toggle("invalid", !isWindow);
    if (isWindow) this.viewer.setWindow(window_);
  }

  #x(value: number): number {
    const [low, high] = this.#range;
    return Math.min(Math.max(((value - low) / (high - low)) * WIDTH, 0), WIDTH);
  }

  #drawChart({ center, width }: Window): void {
    const [low, high] = [this.#x(center - width / 2), this.#x(center + width / 2)];
    const outline = this.#outline;
    const handle = (x: number, which: "low" | "high"): SVGElement => svg("g", { class: "handle", pointerdown: ((event: PointerEvent) => {
      this.#dragged = which;
      this.#chart.setPointerCapture(event.pointerId);
      event.preventDefault();
    }) as EventListener },
    svg("rect", { x: x - 8, y: 0, width: 16, height: 84, fill: "transparent" }),
    svg("line", { x1: x, x2: x, y1: 0, y2: 84 }), svg("rect", { x: x - 4, y: 27, width: 8, height: 18, rx: 3, class: "grip" }));
    const { stack, state } = this.viewer;
    const stops = stack === null ? [] : stopsOf(colormapOf(stack, state), isLeastWhite(stack, state.inverted));
    const [from, to] = [stops[0]?.colour ?? "#000", stops.at(-1)?.colour ?? "#fff"];
    this.#chart.replaceChildren(
      svg("defs", {},
        svg("linearGradient", { id: "ramp" }, ...stops.map(({ offset, colour }) => svg("stop", { offset, "stop-color": colour }))),
        svg("clipPath", { id: "inside" }, svg("rect", { x: low, y: 0, width: Math.max(high - low, 0), height: HEIGHT }))),
      svg("rect", { x: low, y: 0, width: Math.max(high - low, 0), height: HEIGHT, class: "inside" }),
      svg("polygon", { points: outline, class: "outer" }), svg("polygon", { points: outline, class: "inner", "clip-path": "url(#inside)" }),
      svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT + 0.5, y2: HEIGHT + 0.5, class: "base" }),
      svg("rect", { x: 0, y: 76, width: WIDTH, height: 8, rx: 2, fill: from, class: "frame" }),
      svg("rect", { x: low, y: 76, width: Math.max(high - low, 0), height: 8, fill: "url(#ramp)" }),
      svg("rect", { x: high, y: 76, width: WIDTH - high, height: 8, rx: 2, fill: to }),
      handle(low, "low"), handle(high, "high"), ...this.#labels(center - width / 2, center + width / 2));
  }

  #labels(low: number, high: number): SVGElement[] {
    const [from, to] = this.#range;
    const label = (value: number, style: string): { value: number; x: number; style: string } => ({ value, x: this.#x(value), style });
    const kept = [label(low, "strong"), label(high, "strong")];
    for (const value of [from, to, ...ticksBetween(from, to)]) {
      const next = label(value, "");
      if (kept.every((other) => Math.abs(other.x - next.x) > 40)) kept.push(next);
    }
    return kept.map(({ value, x, style }) => svg("text", {
      x, y: 101, class: style, "text-anchor": x < 16 ? "start" : x > WIDTH - 16 ? "end" : "middle",
    }, formatAtScale(value, to - from)));
  }

  #onDrag(event: PointerEvent): void {
    const window_ = this.viewer.window;
    if (this.#dragged === null || window_ === null) return;
    const box = this.#chart.getBoundingClientRect();
    const [from, to] = this.#range;
    const value = from + ((event.clientX - box.left) / box.width) * (to - from);
    const [low, high] = [window_.center - window_.width / 2, window_.center + window_.width / 2];
    const least = (to - from) / WIDTH;
    const [newLow, newHigh] = this.#dragged === "low" ? [Math.min(value, high - least), high] : [low, Math.max(value, low + least)];
    this.viewer.setWindow(roundWindow(makeWindow((newLow + newHigh) / 2, newHigh - newLow, window_.function)), "not yet");
  }

  #onDrop(): void {
    if (this.#dragged === null) return;
    this.#dragged = null;
    this.viewer.tell();
    this.recount();
  }
}

function outlineOf(counts: Uint32Array): string {
  const top = Math.max(...counts.subarray(1, BINS - 1), 1);
  const bin = WIDTH / BINS;
  const points = Array.from(counts, (count, i) => {
    const y = (HEIGHT - Math.min(count / top, 1) * (HEIGHT - 4)).toFixed(1);
    return `${(i * bin).toFixed(1)},${y} ${((i + 1) * bin).toFixed(1)},${y}`;
  }).join(" ");
  return `0,${HEIGHT} ${points} ${WIDTH},${HEIGHT}`;
}
