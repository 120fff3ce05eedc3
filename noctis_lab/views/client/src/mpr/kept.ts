/** Volumes of other times, echoes or b-values that were in view: they stay in memory, within a bound. */
import type { Volume } from "./volume";

export class KeptVolumes {
  /** In order of use, the least recently used first. */
  readonly #kept = new Map<number, Volume>();

  get bytes(): number {
    return [...this.#kept.values()].reduce((sum, volume) => sum + volume.bytes, 0);
  }

  /** Keep the volume that was in view, and hand over that of the next step, which no bound takes before; null where it is not here. */
  exchange(step: number, volume: Volume, next: number, limit_bytes: number): Volume | null {
    const taken = this.take(next);
    this.keep(step, volume, limit_bytes);
    return taken;
  }

  /** Hand over the volume of a step; null where it is not here. What could not be had is asked for again. */
  take(step: number): Volume | null {
    const volume = this.#kept.get(step) ?? null;
    this.#kept.delete(step);
    volume?.failed.clear();
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
