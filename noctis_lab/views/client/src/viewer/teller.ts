/** Tells once what a pane shows: at once, or when things have rested. */
import type { Telling } from "./pane";
import { type PaneState, sameState } from "./state";

const REST_MS = 150;

export class Teller {
  #told: PaneState | null = null;
  #timer = 0;

  /** `isReady`: whether it is known yet what is shown. */
  constructor(readonly shown: () => PaneState, readonly isReady: () => boolean, readonly onReport: () => void) {}

  /** Whether anything was told of the series. */
  get hasTold(): boolean {
    return this.#told !== null;
  }

  /** Take a state as told: the other side said it. */
  know(state: PaneState | null): void {
    this.#told = state;
  }

  tell(telling: Telling): void {
    if (telling === "not yet") return;
    clearTimeout(this.#timer);
    if (telling === "rest") {
      this.#timer = window.setTimeout(() => this.tell("now"), REST_MS);
      return;
    }
    if (this.isReady()) this.report();
  }

  /** Tell now, also that there is nothing to show. */
  report(): void {
    const state = this.shown();
    if (this.#told !== null && sameState(state, this.#told)) return;
    this.#told = state;
    this.onReport();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
