/** The keys, on one sheet over the stage. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { KINDS } from "../measure/shapes";
import { PLANE_KEYS } from "../mpr/keys";
import { VOLUME_KEYS } from "../volume3d/keys";
import { OWN_WINDOWS } from "./windowing";

type Line = [keys: string[], words: string];

const SERIES_LINE: Line = [["PgUp", "PgDn"], "series before, after"];
const HANGING_LINES: Line[] = [[["⇧ H"], "hanging protocols, save this layout"], [["<", ">"], "protocol before, after"]];
// In an order that fills four columns without breaking a section.
const SHEET: [string, Line[]][] = [
  ["Image", [
    [["↑", "↓"], "slice before, slice after"], [["Home", "End"], "first, last slice"], SERIES_LINE,
    [["[", "]"], "time, echo or b-value before, after"], [["c"], "play, stop"], [["{", "}"], "play slower, faster"], [["+", "-", "="], "zoom in, out, fit"], [["r", "l"], "turn clockwise, back"],
    [["h", "v"], "mirror left to right, top to bottom"], [["Space"], "reset the view"],
  ]],
  ["Window", [
    [["1", "…", "9"], "CT presets"], [["0"], "from the pixels"], [["d"], OWN_WINDOWS], [["i"], "invert"], [["⇧ O"], "segments over the image: show, hide"],
  ]],
  ["Measuring", [
    ...KINDS.map(({ key, name }): Line => [[key], name.replace(/^(?!Cobb)./, (first) => first.toLowerCase())]),
    [["← ↑ → ↓"], "move the cursor; Shift ten times as far"], [["Enter"], "set a point; again there: close the outline"],
    [["n", "N"], "select the next, the one before"], [["Enter"], "move what is selected: arrows, Tab, Enter"], [["Alt", "↑ ↓"], "slice, while the cursor is out"],
    [["⌫"], "take back a point, delete what is selected"], [["Ctrl", "Z"], "undo; Ctrl Y redo"],
  ]],
  ["Mouse and touch", [
    [["left drag"], "width and level, or the tool chosen"], [["middle drag"], "pan"], [["right drag"], "zoom"],
    [["wheel"], "slices"], [["Alt", "wheel"], "time, echo or b-value"], [["Ctrl", "wheel"], "zoom at the cursor"], [["z"], "left drag zooms, and again the window"], [["two fingers"], "zoom and pan"], [["three fingers"], "slices"],
  ]],
  ["Panes", [[["←", "→"], "pane before, after"], [[",", "."], "layout before, after"], [["double click"], "one pane alone, all again"],
    [["Shift", "P", "W", "Z"], "link position, window, zoom"], ...HANGING_LINES]],
  ["Everywhere", [[["?"], "this sheet"], [["⇧ F"], "full screen"], [["⇧ S"], "sessions: save what is in view, open what was saved"], [["⇧ G"], "plots; on a handle ← → Home End move it"], [["Esc"], "take back a drag, close what is open"]]],
  ["Planes (MPR)", PLANE_KEYS],
  ["Volume (3D)", VOLUME_KEYS],
];

export class HelpSheet {
  readonly element: HTMLElement;
  readonly #close = el("button", { class: "ib s", "aria-label": "Close", click: () => this.toggle(false) }, icon("close", "s"));

  /** Without a strip of series there is no series before or after. */
  constructor(readonly onClosed: () => void, hasSeries: boolean) {
    this.element = el("div", { class: "help pop", role: "dialog", "aria-label": "Keys", hidden: true },
      el("div", { class: "row" }, el("span", { class: "f14 b grow" }, "Keys"), this.#close),
      el("div", { class: "sheet" }, ...SHEET.map(([title, lines]) => el("section", {}, el("div", { class: "h" }, title),
        ...lines.filter((line) => hasSeries || (line !== SERIES_LINE && !HANGING_LINES.includes(line))).map(([keys, words]) => el("div", { class: "keyline" }, el("span", { class: "row g1" }, ...keys.map((key) => el("span", { class: "kbd" }, key))), el("span", { class: "t2" }, words)))))));
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  toggle(open = !this.isOpen): void {
    if (open === this.isOpen) return;
    this.element.hidden = !open;
    if (open) this.#close.focus();
    else this.onClosed();
  }
}
