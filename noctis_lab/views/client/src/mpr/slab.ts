/** Slabs: the largest, the least or the mean of a plane's samples across a thickness. Pure. */
import { projectAligned, type Projection } from "./aligned";
import { INSIDE, latticeOf, OUTSIDE, type PlaneGrid, PlaneSampler, Sampled, snapped } from "./plane";
import { plus, scaled, type Vector } from "./vectors";
import type { Voxels } from "./volume";

export type { Projection } from "./aligned";

/** More samples than this across a slab are not taken: a metre by a quarter of a millimetre. */
const MOST_SAMPLES = 4096;
/**
 * Return where a slab's samples lie along its normal, mm from its middle.
 *
 * Each of n samples stands for an n-th of the thickness and lies in its middle, as slices do: a slab of three
 * slices' thickness around a slice is made of three slices.
 */
export function offsetsOf(thickness_mm: number, sampling_mm: number): number[] {
  const count = Math.min(Math.max(1, Math.ceil(thickness_mm / sampling_mm - 1e-6)), MOST_SAMPLES);
  return Array.from({ length: count }, (_, i) => ((i + 0.5) / count - 0.5) * thickness_mm);
}

/** Return the distance of samples at which none of the voxel's indices moves by more than one. */
export function samplingAlong(voxels: Voxels, normal: Vector): number {
  const { u, v, h } = latticeOf(voxels.geometry, { origin: [0, 0, 0], right: normal, down: [0, 0, 0], columns: 1, rows: 1 });
  const { heights_mm, originColumns, originRows, step_mm } = voxels.geometry;
  const range = (values: Float64Array): number => (values.at(-1) as number) - (values[0] as number);
  // Slices that do not lie above each other move the indices, too.
  const [column, row] = [originColumns, originRows].map((origins) => (h.across * range(origins)) / range(heights_mm)) as [number, number];
  return 1 / Math.max(Math.abs(u.across - column), Math.abs(v.across - row), Math.abs(h.across) / step_mm);
}

/** Projects slabs of volumes. */
export class SlabSampler {
  readonly #plane = new PlaneSampler();
  readonly #sample = new Sampled();
  #counts = new Uint16Array(0);

  /** Fill `out` with the projection of samples along `normal` (a unit vector) from each of a grid's places. */
  project(voxels: Voxels, grid: PlaneGrid, normal: Vector, offsets_mm: readonly number[], how: Projection, out: Sampled): void {
    if (projectAligned(voxels, grid, normal, offsets_mm, how, out)) return;
    const size = grid.columns * grid.rows;
    out.clear(grid.columns, grid.rows);
    if (this.#counts.length < size) this.#counts = new Uint16Array(size);
    this.#counts.fill(0, 0, size);
    for (const offset of offsets_mm) {
      this.#plane.sample(voxels, { ...grid, origin: plus(grid.origin, scaled(normal, offset)) }, this.#sample);
      collect(this.#sample, how, out, this.#counts);
    }
    if (how === "mean") for (let i = 0; i < size; i += 1) if (out.cover[i] === INSIDE) (out.values[i] as number) /= this.#counts[i] as number;
  }
}

/** Samples outside do not count; without any inside, a gap is a gap. */
function collect(sample: Sampled, how: Projection, out: Sampled, counts: Uint16Array): void {
  const size = out.columns * out.rows;
  const { values, cover } = out;
  for (let i = 0; i < size; i += 1) {
    const is = sample.cover[i] as number;
    if (is !== INSIDE) {
      if (is > OUTSIDE && cover[i] === OUTSIDE) cover[i] = is;
      continue;
    }
    const value = sample.values[i] as number;
    if (value !== value) continue;
    const known = values[i] as number;
    if (cover[i] !== INSIDE) {
      values[i] = value;
      cover[i] = INSIDE;
    } else if (how === "mean") values[i] = known + value;
    else if (how === "max" ? value > known : value < known) values[i] = value;
    counts[i] = (counts[i] as number) + 1;
  }
}

/** Interpolate a plane (bilinear) at another grid's places; both lie in one plane with the same directions. */
export function zoomOnto(source: Sampled, from: PlaneGrid, to: PlaneGrid, out: Sampled): void {
  out.clear(to.columns, to.rows);
  const across = tableOf(from, to, "right", from.columns, to.columns);
  const along = tableOf(from, to, "down", from.rows, to.rows);
  const { columns } = source;
  const { first, end } = across;
  for (let y = along.first; y < along.end; y += 1) {
    const [row, share] = [along.index[y] as number, along.share[y] as number];
    const a = row * columns;
    const b = share > 0 ? a + columns : a;
    for (let x = first, at = y * to.columns + first; x < end; x += 1, at += 1) {
      const i = across.index[x] as number;
      const part = across.share[x] as number;
      const j = part > 0 ? i + 1 : i;
      const upper = source.values[a + i] as number;
      const lower = source.values[b + i] as number;
      const above = upper + ((source.values[a + j] as number) - upper) * part;
      const below = lower + ((source.values[b + j] as number) - lower) * part;
      const value = above + (below - above) * share;
      out.values[at] = value;
      // No value: a neighbour has none. What the nearest one is tells why.
      out.cover[at] = value === value ? INSIDE : nearest(source, share < 0.5 ? a : b, part < 0.5 ? i : j);
    }
  }
}

function nearest({ cover }: Sampled, row: number, column: number): number {
  const is = cover[row + column] as number;
  return is === INSIDE ? OUTSIDE : is;
}

interface Table {
  first: number;
  end: number;
  index: Int32Array;
  share: Float64Array;
}

/** For each pixel of a grid: the sample before it along a direction, and the next one's share. */
function tableOf(from: PlaneGrid, to: PlaneGrid, side: "right" | "down", count: number, pixels: number): Table {
  const direction = from[side];
  const size = direction[0] ** 2 + direction[1] ** 2 + direction[2] ** 2;
  const along = (a: Vector): number => (a[0] * direction[0] + a[1] * direction[1] + a[2] * direction[2]) / size;
  const start = along([to.origin[0] - from.origin[0], to.origin[1] - from.origin[1], to.origin[2] - from.origin[2]]);
  const step = along(to[side]);
  const table: Table = { first: pixels, end: 0, index: new Int32Array(pixels), share: new Float64Array(pixels) };
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const at = snapped(start + pixel * step);
    if (at < 0 || at > count - 1) continue;
    const before = Math.floor(at);
    table.index[pixel] = before;
    table.share[pixel] = at - before;
    table.first = Math.min(table.first, pixel);
    table.end = pixel + 1;
  }
  return table;
}

export const MOST_SLAB_MM = 1000;

export const boundedSlab = (slab_mm: number): number => (Number.isFinite(slab_mm) ? Math.min(Math.max(slab_mm, 0), MOST_SLAB_MM) : 0);
