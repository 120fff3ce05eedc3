/** What the panes of a view share: switched on and off, handed on by the active pane, drawn on all of them. */
import { LINKS } from "./linkMenu";
import { Linker, showLinks } from "./linking";
import type { Pane } from "./pane";
import type { Layout } from "./grid";
import type { Link } from "./state";

export const NOT_LINKED: Link = { position: false, window: false, zoom: false };
/** Studies side by side: their series state the windows that they were made for. */
export const COMPARED: Link = { position: true, window: false, zoom: true };
/** The images as they are stored follow the planes beside them. */
const WITH_PLANES: Link = { position: true, window: true, zoom: false };

/** Return what panes share as a layout is taken, until somebody says otherwise. */
export function linkFor(before: Layout, next: Layout, link: Link): Link {
  if (next === before) return link;
  if (next.planes && !next.volume) return WITH_PLANES;
  return next.volume || before.planes || before.volume ? NOT_LINKED : link;
}

export interface LinksHost {
  readonly grid: { readonly panes: readonly Pane[]; readonly pane: Pane };
}

export class Links {
  now: Link;
  readonly #linker = new Linker();
  #drawing = 0;

  constructor(readonly host: LinksHost, link: Link = NOT_LINKED) {
    this.now = link;
  }

  /** Switch a link; returns what there is to say of it, or null where there is nothing to link. */
  toggle(name: keyof Link): string | null {
    const { panes, pane } = this.host.grid;
    if (panes.length < 2) return null;
    const on = !this.now[name];
    this.now = { ...this.now, [name]: on };
    if (on) this.#linker.bring(pane, panes, { ...NOT_LINKED, [name]: true });
    this.draw();
    return `${LINKS.find((item) => item.name === name)?.words ?? ""} ${on ? "linked" : "not linked"}`;
  }

  /** Another pane is active: it leads from now on. */
  lead(): void {
    this.#linker.lead(this.host.grid.pane);
  }

  /** The active pane changed: the others follow. */
  follow(): void {
    const { panes, pane } = this.host.grid;
    if (panes.length > 1) this.#linker.follow(pane, panes, this.now);
  }

  /** A pane's series came: bring it where the active one is. */
  bring(pane: Pane): void {
    this.#linker.bring(this.host.grid.pane, [pane], this.now);
  }

  /** At the next frame: what links each pane to the others. */
  draw(): void {
    if (this.#drawing !== 0) return; // a pane that is left alone too: it had lines before
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      const { panes, pane } = this.host.grid;
      showLinks(panes, pane, this.now.position);
    });
  }

  close(): void {
    cancelAnimationFrame(this.#drawing);
  }
}
