/** What was done, so that it can be taken back and done again: a bounded list of changes. Pure. */
import type { Measurement } from "./shapes";

/** One measurement before and after: null where it was not there. */
export interface Change {
  before: Measurement | null;
  after: Measurement | null;
}

export class History {
  readonly #done: Change[] = [];
  readonly #undone: Change[] = [];

  constructor(readonly limit = 200) {}

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** Something was done: what had been taken back cannot be done again from here. */
  add(change: Change): void {
    this.#done.push(change);
    if (this.#done.length > this.limit) this.#done.shift();
    this.#undone.length = 0;
  }

  /** Take the last change back: what is to be made so, or null. */
  undo(): Change | null {
    const change = this.#done.pop();
    if (change === undefined) return null;
    this.#undone.push(change);
    return { before: change.after, after: change.before };
  }

  redo(): Change | null {
    const change = this.#undone.pop();
    if (change === undefined) return null;
    this.#done.push(change);
    return change;
  }
}
