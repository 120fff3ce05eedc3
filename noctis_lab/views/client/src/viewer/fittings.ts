/** What every pane is fitted with: its mouse, and how much of its images is here. */
import { el } from "../ground/dom";
import { Input, type InputHost } from "./input";
import type { Pane } from "./pane";

interface Fitting {
  input: Input;
  progress: HTMLElement;
}

export class Fittings {
  readonly #fitted = new Map<Pane, Fitting>();

  constructor(readonly host: InputHost) {}

  fit(pane: Pane): void {
    const progress = el("div", { class: "badge info progress", hidden: true });
    pane.element.append(progress);
    this.#fitted.set(pane, { input: new Input(this.host, pane), progress });
  }

  inputOf(pane: Pane): Input | undefined {
    return this.#fitted.get(pane)?.input;
  }

  /** Say how much is here; null where nothing comes. */
  progress(pane: Pane, memory: Pane["memory"]): void {
    const progress = this.#fitted.get(pane)?.progress;
    if (progress === undefined) return;
    progress.hidden = memory === null || !memory.isLoading;
    if (memory !== null) progress.textContent = `${memory.count} / ${memory.total}`;
  }

  /** Forget panes that are gone; returns them. */
  keep(panes: readonly Pane[]): Pane[] {
    const gone = [...this.#fitted.keys()].filter((pane) => !panes.includes(pane));
    for (const pane of gone) this.#fitted.delete(pane);
    return gone;
  }
}
