/** Volumes of other times, echoes or b-values that were in view: they stay in memory, within a bound. */
import type { Volume } from "./volume";

export class KeptVolumes {
  /** In order of use, the least recently used first. */
  readonly #kept = new Map<number, Volume>();

  get bytes(): number {
    return [...this.#kept.values()].reduce((sum, volume) => sum + volume.bytes, 0);
  }

  /** Hand over the volume of a step; null where it is not here. */
  take(step: number): Volume | null {
    const volume = this.#kept.get(step) ?? null;
    this.#kept.delete(step);
    return volume;
  }

  /** Keep the volume of a step, unless it is empty; those that lead beyond the bound go, the oldest first. */
  keep(step: number, volume: Volume, limit_bytes: number): void {
    this.#kept.delete(step);
    if (volume.count > 0) this.#kept.set(step, volume);
    for (const oldest of [...this.#kept.keys()]) {
      if (this.bytes <= limit_bytes) return;
      this.#kept.delete(oldest);
    }
  }

  clear(): void {
    this.#kept.clear();
  }
}
