/** Playing through a stack: one step after another, at a rate that can be changed, and the rate there really is. */
export const USUAL_RATE_HZ = 15;
/** What slower and faster step through. */
const RATES_HZ = [1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60] as const;
const MEASURED_STEPS = 20;

/** Return the next rate in a direction, beyond which there is none. */
export function nextRate(rate_hz: number, direction: 1 | -1): number {
  const beyond = direction > 0 ? RATES_HZ.find((rate) => rate > rate_hz + 1e-9) : [...RATES_HZ].reverse().find((rate) => rate < rate_hz - 1e-9);
  return beyond ?? rate_hz;
}

/** Return the rate of steps at some times, ms; null before there are three. */
export function rateOf(times_ms: readonly number[]): number | null {
  const [first, last] = [times_ms[0], times_ms.at(-1)];
  if (first === undefined || last === undefined || times_ms.length < 3 || last <= first) return null;
  return ((times_ms.length - 1) * 1000) / (last - first);
}

export class Cine {
  #timer = 0;
  #rate_hz = USUAL_RATE_HZ;
  #steps_ms: number[] = [];

  /** `onStep` shows the next image and returns whether it could; `onChange` hears of beginning, end and rate. */
  constructor(readonly onStep: () => boolean, readonly onChange: () => void) {}

  get isPlaying(): boolean {
    return this.#timer !== 0;
  }

  get rate_hz(): number {
    return this.#rate_hz;
  }

  /** How many images a second there have really been; null before that is known. */
  get realRate_hz(): number | null {
    return rateOf(this.#steps_ms);
  }

  set rate_hz(rate_hz: number) {
    this.#rate_hz = Math.min(Math.max(rate_hz, 0.1), 240);
    if (this.isPlaying) this.#begin();
    this.onChange();
  }

  start(): void {
    if (this.isPlaying) return;
    this.#begin();
    this.onChange();
  }

  stop(): void {
    if (!this.isPlaying) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    this.onChange();
  }

  #begin(): void {
    clearInterval(this.#timer);
    this.#steps_ms = [];
    this.#timer = window.setInterval(() => {
      if (!this.onStep()) return;
      this.#steps_ms.push(performance.now());
      if (this.#steps_ms.length > MEASURED_STEPS) this.#steps_ms.shift();
    }, 1000 / this.#rate_hz);
  }
}
