/** What something was made of, so that it is not made again of the same. */
export class Made {
  #parts: readonly unknown[] | null = null;

  /** Return whether these are other parts than last time; from now on they are the last. */
  isNew(...parts: readonly unknown[]): boolean {
    const last = this.#parts;
    if (last !== null && last.length === parts.length && parts.every((part, i) => Object.is(part, last[i]))) return false;
    this.#parts = parts;
    return true;
  }

  /** What was made is gone. */
  forget(): void {
    this.#parts = null;
  }
}
