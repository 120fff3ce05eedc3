/** Asks what a series is: at once, and again, not too often, while it still arrives. */
import type { StackDescription, Transport } from "../ground/transport";

/** A series that arrives is another one with every instance: it is described again no more often than this. */
const DESCRIBE_EVERY_MS = 1000;

export interface DescribingEvents {
  onDescribed(stack: StackDescription): void;
  onFailed(error: unknown): void;
}

export class Describing {
  #asking: AbortController | null = null;
  #timer = 0;
  #askedAt = 0;

  constructor(readonly events: DescribingEvents) {}

  /** Ask now; what was asked before is not heard any more. */
  async ask(transport: Transport, SeriesInstanceUID: string): Promise<void> {
    this.cancel();
    const asking = new AbortController();
    this.#asking = asking;
    this.#askedAt = performance.now();
    try {
      const stack = await transport.stack(SeriesInstanceUID, asking.signal);
      if (!asking.signal.aborted) this.events.onDescribed(stack);
    } catch (error) {
      if (!asking.signal.aborted) this.events.onFailed(error);
    }
  }

  /** Run what asks again, as soon as it is time. */
  later(again: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(again, Math.max(this.#askedAt + DESCRIBE_EVERY_MS - performance.now(), 0));
  }

  cancel(): void {
    this.#asking?.abort();
    clearTimeout(this.#timer);
  }
}
