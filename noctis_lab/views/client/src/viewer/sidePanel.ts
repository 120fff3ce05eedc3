/** The side panel of a page: a list of sections, each of which hears of the active pane what it asks for. */
import { el } from "../ground/dom";
import type { StackDescription } from "../ground/transport";

/** A part of the side panel; whoever brings one along adds it to the list. */
export interface PanelSection {
  readonly element: HTMLElement;
  /** Another stack is in view; null: it is not here yet. */
  onStack?(stack: StackDescription | null): void;
  /** Another pane is active, or the panes stand otherwise. */
  onArranged?(): void;
  /** Something of the active pane's state changed. */
  onChange?(): void;
  /** Another image is on its canvas, and nothing is being dragged. */
  onPainted?(): void;
  /** The reader's own presets are others. */
  onPresets?(): void;
  close?(): void;
}

export class SidePanel {
  readonly element: HTMLElement;

  /** The sections stand in this order. */
  constructor(readonly sections: readonly PanelSection[]) {
    this.element = el("aside", { class: "panel side" }, ...sections.map((section) => section.element));
  }

  /** Tell every section that hears of it. */
  tell(what: "onArranged" | "onChange" | "onPainted" | "onPresets" | "close"): void {
    for (const section of this.sections) section[what]?.();
  }

  onStack(stack: StackDescription | null): void {
    for (const section of this.sections) section.onStack?.(stack);
  }
}
