/** The overlay in the toolbar: a button that shows and hides it, and in a cell, which has no side panel, one that opens its section. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import { Menu } from "../viewer/menu";
import type { OverlayPanel, PanelHost } from "./panel";

export interface ToolsHost extends PanelHost {
  readonly host: { readonly mode: "page" | "cell" };
  readonly panel: OverlayPanel;
}

export class OverlayTools {
  readonly button: HTMLButtonElement;
  /** Opens the section; null where the side panel has it. */
  readonly menu: Menu | null;
  readonly elements: HTMLElement[];

  constructor(readonly overlays: ToolsHost) {
    this.button = el("button", { class: "ib", "aria-label": "Overlay", hidden: true, click: () => overlays.toggle() }, icon("segments"));
    const more = overlays.host.mode === "cell"
      ? el("button", { class: "ib", "aria-label": "Segments", "aria-haspopup": "menu", "aria-expanded": "false", hidden: true }, icon("down", "s")) : null;
    this.menu = more && new Menu(more, () => [overlays.panel.element], "segments");
    this.elements = more === null ? [this.button] : [this.button, more];
  }

  refresh(): void {
    const { listed, how } = this.overlays;
    for (const element of this.elements) element.hidden = listed.length === 0;
    this.button.classList.toggle("on", how.shown && listed.length > 0);
    this.button.setAttribute("aria-pressed", String(how.shown));
  }
}
