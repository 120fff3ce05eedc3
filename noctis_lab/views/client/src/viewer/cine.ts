/** Playing through a stack: one step after another, at a rate. */
const CINE_MS = 66;

export class Cine {
  #timer = 0;

  /** `onStep` is asked for the next image; `onChange` hears of beginning and end. */
  constructor(readonly onStep: () => void, readonly onChange: () => void) {}

  get isPlaying(): boolean {
    return this.#timer !== 0;
  }

  start(): void {
    if (this.isPlaying) return;
    this.#timer = window.setInterval(this.onStep, CINE_MS);
    this.onChange();
  }

  stop(): void {
    if (!this.isPlaying) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    this.onChange();
  }
}
