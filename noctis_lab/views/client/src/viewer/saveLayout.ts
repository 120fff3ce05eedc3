/** The dialog that keeps a layout as a hanging protocol: its name, and what it is to apply to. */
import { el } from "../ground/dom";
import { messageOf, type SeriesSummary } from "../ground/transport";
import type { Pane } from "./pane";
import { type PaneState, sameWindow, type ViewState } from "./state";
import { statedWindow } from "./windowing";

/** Of one series of a study: patterns in which * stands for any characters; empty: not asked. */
export type AppliesTo = Record<"Modality" | "SeriesDescription" | "BodyPartExamined", string>;

export interface LayoutToSave {
  name: string;
  state: ViewState;
  applies_to: AppliesTo;
  keep_windows: boolean;
}

export interface LayoutDialogHost {
  readonly state: ViewState;
  readonly viewer: Pane;
  readonly grid: { readonly panes: readonly Pane[] };
  /** What is listed of the series in a pane. */
  summaryOf(state: PaneState): SeriesSummary | null;
  onSay(words: string): void;
}

const LONGEST_NAME = 100;
const FIELDS: readonly { name: keyof AppliesTo; label: string; most: number }[] = [
  { name: "Modality", label: "Modality", most: 16 },
  { name: "SeriesDescription", label: "Series description", most: 100 },
  { name: "BodyPartExamined", label: "Body part", most: 100 },
];

/** Return whether a pane is in the window in which its series opens. */
export function isInOwnWindow({ stack, window: window_, told }: Pick<Pane, "stack" | "window" | "told">): boolean {
  const [first] = stack?.windows ?? [];
  if (window_ === null || first === undefined) return true;
  return sameWindow(window_, statedWindow(first)) && (told.voi_lut ?? 0) === 0;
}

/** Return a view in which panes that are in their series' own window state none: others' own are other ones. */
export function withoutOwnWindows(state: ViewState, panes: readonly Pick<Pane, "stack" | "window" | "told">[]): ViewState {
  const bare = <T extends PaneState>(pane: T, shown: Pick<Pane, "stack" | "window" | "told"> | undefined): T =>
    (shown && isInOwnWindow(shown) ? { ...pane, window: null, voi_lut: null } : pane);
  return { ...bare(state, panes[state.active]), panes: state.panes.map((pane, i) => bare(pane, panes[i])) };
}

export class SaveLayoutDialog {
  readonly element: HTMLElement;
  readonly #name = el("input", { "aria-label": "Name of the layout", placeholder: "Name of the layout", maxlength: LONGEST_NAME });
  readonly #fields = new Map(FIELDS.map(({ name, label, most }) => [name, el("input", { "aria-label": label, maxlength: most, placeholder: "any" })]));
  readonly #windows = el("input", { type: "checkbox" });
  readonly #problem = el("div", { class: "problem f12", role: "alert" });

  /** `save` keeps it; what it throws is said in the dialog. */
  constructor(readonly host: LayoutDialogHost, readonly save: (layout: LayoutToSave) => Promise<void>) {
    const line = (label: string, input: HTMLElement): HTMLElement => el("label", { class: "line" }, el("span", { class: "t2" }, label), el("span", { class: "input s" }, input));
    this.element = el("div", { class: "help pop save-layout", role: "dialog", "aria-modal": "false", "aria-label": "Save this layout", hidden: true },
      el("div", { class: "f14 b" }, "Save this layout"),
      line("Name", this.#name),
      el("div", { class: "f12 t3 hint" }, "Opens studies that have a series like this; * stands for any characters, empty for any value."),
      ...FIELDS.map(({ name, label }) => line(label, this.#fields.get(name) as HTMLElement)),
      el("label", { class: "row g2 check" }, this.#windows, el("span", {}, "Windows as they are now")),
      this.#problem,
      el("div", { class: "row g2" }, el("span", { class: "grow" }), el("button", { class: "btn s", click: () => this.close() }, "Cancel"), el("button", { class: "btn s p", click: () => void this.#save() }, "Save layout")));
    this.element.addEventListener("keydown", (event) => {
      event.stopPropagation(); // what is typed is no key of the viewer's
      if (event.key === "Escape") this.close();
      if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) void this.#save();
      if (event.key === "Tab") this.#stay(event);
    });
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  open(): void {
    for (const input of this.#fields.values()) input.value = "";
    this.onListed();
    this.#name.value = "";
    this.#problem.textContent = "";
    this.#windows.checked = this.host.grid.panes.some((pane) => !isInOwnWindow(pane));
    this.element.hidden = false;
    this.#name.focus();
  }

  /** Fill what is empty with what is listed of the series; it may be opened before anything is. */
  onListed(): void {
    const summary = this.host.summaryOf(this.host.viewer.state);
    for (const { name, most } of FIELDS) {
      const value = (summary?.[name] ?? "").trim();
      const input = this.#fields.get(name) as HTMLInputElement;
      input.value ||= value.length > most ? `${value.slice(0, most - 1)}*` : value;
    }
  }

  close(): void {
    if (!this.isOpen) return;
    this.element.hidden = true;
    this.host.viewer.focus();
  }

  async #save(): Promise<void> {
    const name = this.#name.value.trim();
    if (name === "") {
      this.#problem.textContent = "Give the layout a name.";
      this.#name.focus();
      return;
    }
    const applies_to = Object.fromEntries([...this.#fields].map(([key, input]) => [key, input.value.trim()])) as AppliesTo;
    try {
      await this.save({ name, state: withoutOwnWindows(this.host.state, this.host.grid.panes), applies_to, keep_windows: this.#windows.checked });
      this.close();
    } catch (error) {
      this.#problem.textContent = messageOf(error);
    }
  }

  /** Tab goes round within the dialog. */
  #stay(event: KeyboardEvent): void {
    const stops = [...this.element.querySelectorAll<HTMLElement>("input, button")];
    const active = (this.element.getRootNode() as ShadowRoot).activeElement;
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (active !== edge) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  }
}
