/** How often each value occurs in one frame: counts over a range, for the window panel. Pure. */
import type { PlaneValues } from "../ground/plane";

/** Count a frame's values in `bins` equal steps from `low` to `high`; what lies outside is left out. */
export function histogramOf(values: PlaneValues, low: number, high: number, bins: number): Uint32Array {
  const counts = new Uint32Array(bins);
  if (!(high > low)) return counts;
  const { data, slope, intercept } = values;
  const step = Math.max(1, Math.floor(data.length / 500_000));
  const scale = bins / (high - low);
  for (let i = 0; i < data.length; i += step) {
    const bin = Math.floor(((data[i] as number) * slope + intercept - low) * scale);
    if (bin >= 0 && bin < bins) counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

/** Return round numbers that divide a range well, ends not included. */
export function ticksBetween(low: number, high: number): number[] {
  const rough = (high - low) / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10) * unit;
  const ticks: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high; k += 1) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}
