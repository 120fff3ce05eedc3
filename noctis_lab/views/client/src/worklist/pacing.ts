/** When the worklist asks: after what happened, and for the rows in view. It knows neither rows nor requests. */

/** Brings the list up to date after something happened: once at a time, and nothing is lost on the way. */
export class Refresher {
  #isStale = false;
  #isRunning = false;
  #isPaused = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(readonly run: () => Promise<void>, readonly delay_ms: number) {}

  /** Something happened: refresh soon, or, if it is paused, when it goes on. */
  ask(): void {
    this.#isStale = true;
    if (this.#isPaused || this.#isRunning || this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.#refresh(), this.delay_ms);
  }

  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused && this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    if (!isPaused && this.#isStale) this.ask();
  }

  close(): void {
    this.pause(true);
  }

  async #refresh(): Promise<void> {
    this.#timer = null;
    this.#isRunning = true;
    this.#isStale = false;
    try {
      await this.run();
    } finally {
      this.#isRunning = false;
      if (this.#isStale) this.ask();
    }
  }
}

/** Asks for the windows of rows in view: each once, none that the table only flies past. */
export class WindowRequests {
  readonly #asked = new Map<number, AbortController>();
  #missing: number[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(readonly fetch: (window: number, signal: AbortSignal) => Promise<void>, readonly pace_ms: number) {}

  /** Say which of the windows in view are missing; requests for others are given up. */
  need(missing: number[]): void {
    this.#missing = missing;
    for (const [window, request] of this.#asked) {
      if (missing.includes(window)) continue;
      this.#asked.delete(window);
      request.abort();
    }
    if (this.#timer === null && missing.some((window) => !this.#asked.has(window))) {
      this.#timer = setTimeout(() => this.#send(), this.pace_ms);
    }
  }

  /** Give up everything: another search begins. */
  clear(): void {
    this.need([]);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #send(): void {
    this.#timer = null;
    for (const window of this.#missing) {
      if (this.#asked.has(window)) continue;
      const request = new AbortController();
      this.#asked.set(window, request);
      void this.fetch(window, request.signal).finally(() => {
        if (this.#asked.get(window) === request) this.#asked.delete(window);
      });
    }
  }
}
