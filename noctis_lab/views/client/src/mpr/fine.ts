/** A plane at the volume's own least spacing, whatever the zoom: what is measured on it, in double precision. Pure. */
import type { PlaneGeometry, PlanePart, Vector as Place } from "../ground/plane";
import { cornersOf, leastSpacing, placeAt, SNAP, sliceBelow, type VolumeGeometry } from "./geometry";
import { latticeOf } from "./plane";
import { offsetsOf, type Projection, samplingAlong } from "./slab";
import { cross, dot, minus, plus, scaled, type Vector } from "./vectors";
import type { Volume } from "./volume";

/** The most samples of one part: as many as Python computes anew. */
export const LARGEST_PART = 2 ** 22;
/** Side of what is sampled at once, and how many of them are kept: 8 MB. */
const TILE = 32;
const MOST_TILES = 1024;
/** Indices this near to whole numbers are a voxel's: the noise of doubles. */
const NOISE = 1e-9;

/** Where a plane's samples lie, and how thick it is. */
export interface FineLie {
  geometry: PlaneGeometry;
  slab_mm: number;
  projection: Projection;
}

/**
 * Return where the samples of a plane lie: over all of the volume, from the first voxel in steps of the least spacing.
 *
 * It depends on how the plane lies alone. On a plane of voxels of that spacing the samples are the voxels.
 */
export function fineGeometry(full: VolumeGeometry, through: Vector, right: Vector, down: Vector): PlaneGeometry {
  const spacing = leastSpacing(full);
  const first = placeAt(full, 0, 0, 0);
  const corners = cornersOf(full).map((corner) => minus(corner, first));
  const range = (direction: Vector): [number, number] => {
    const along = corners.map((corner) => dot(corner, direction) / spacing);
    return [Math.floor(Math.min(...along) + SNAP), Math.ceil(Math.max(...along) - SNAP)];
  };
  const [[left, end], [top, bottom]] = [range(right), range(down)];
  const normal = cross(right, down);
  const onPlane = plus(first, scaled(normal, dot(minus(through, first), normal)));
  return {
    origin_mm: [...plus(plus(onPlane, scaled(right, left * spacing)), scaled(down, top * spacing))] as Place,
    right: [...right], down: [...down], spacing_mm: [spacing, spacing], columns: end - left + 1, rows: bottom - top + 1,
  };
}

/** Reads a volume's modality values between its voxels. */
class Reader {
  readonly #heights: Float64Array;
  readonly #columns: Float64Array;
  readonly #rows: Float64Array;
  /** Of each slice. */
  readonly #paddings: readonly (readonly [number, number] | null)[];

  constructor(readonly volume: Volume) {
    const { geometry } = volume;
    this.#paddings = volume.slices.map((_, slice) => volume.paddingOf(slice));
    // Decimal strings of positions are rounded: what is even is taken as even, as Python's affine does.
    const straight = (values: Float64Array): Float64Array => {
      const [first, last] = [values[0] as number, values.at(-1) as number];
      return geometry.isRegular ? values.map((_, k) => first + ((last - first) * k) / (values.length - 1)) : values;
    };
    this.#heights = straight(geometry.heights_mm);
    this.#columns = straight(geometry.originColumns);
    this.#rows = straight(geometry.originRows);
  }

  /** Return the value at voxels along `right` and `down` and a height, NaN where there is none. */
  at(u: number, v: number, height: number): number {
    const { geometry, slices } = this.volume;
    const heights = this.#heights;
    let k = sliceBelow({ heights_mm: heights }, height);
    let t = (height - (heights[k] as number)) / ((heights[k + 1] as number) - (heights[k] as number));
    if (t < -SNAP || t > 1 + SNAP) return NaN;
    if (t > 1 - NOISE) [k, t] = [k + 1, 0];
    else if (t < NOISE) t = 0;
    if (t > 0 && geometry.isGap[k] === 1) return NaN;
    const between = (values: Float64Array): number => (t > 0 ? (values[k] as number) + ((values[k + 1] as number) - (values[k] as number)) * t : (values[k] as number));
    const column = within(u - between(this.#columns), geometry.columns - 1);
    const row = within(v - between(this.#rows), geometry.rows - 1);
    if (column !== column || row !== row) return NaN;
    const below = this.#inSlice(slices[k] ?? null, k, column, row);
    return t === 0 ? below : below * (1 - t) + this.#inSlice(slices[k + 1] ?? null, k + 1, column, row) * t;
  }

  #inSlice(kept: ArrayLike<number> | null, slice: number, column: number, row: number): number {
    if (kept === null) return NaN;
    const { columns } = this.volume.geometry;
    const padding = this.#paddings[slice] ?? null;
    const [left, top] = [Math.floor(column), Math.floor(row)];
    const [across, along] = [column - left, row - top];
    const at = top * columns + left;
    // A voxel without weight does not count, be it none.
    const upper = this.#mixed(kept, at, across, padding);
    return along === 0 ? upper : upper * (1 - along) + this.#mixed(kept, at + columns, across, padding) * along;
  }

  #mixed(kept: ArrayLike<number>, at: number, share: number, padding: readonly [number, number] | null): number {
    const value = this.#value(kept[at] as number, padding);
    return share === 0 ? value : value * (1 - share) + this.#value(kept[at + 1] as number, padding) * share;
  }

  #value(kept: number, padding: readonly [number, number] | null): number {
    const { slope, intercept } = this.volume;
    return padding !== null && kept >= padding[0] && kept <= padding[1] ? NaN : kept * slope + intercept;
  }
}

/** Return an index from 0 to `last`, a whole one where it is one but for noise; NaN beyond. */
function within(index: number, last: number): number {
  if (index < -SNAP || index > last + SNAP) return NaN;
  const whole = Math.round(index);
  return Math.min(Math.max(Math.abs(index - whole) < NOISE ? whole : index, 0), last);
}

/** Samples parts of planes, tile by tile; what was sampled of a plane is kept until it is another one. */
export class FineSampler {
  readonly #tiles = new Map<string, Float64Array>();
  #volume: Volume | null = null;
  #reader: Reader | null = null;
  #key = "";

  /** Return the samples around points (column, row) of a plane, one to spare on every side; null where they are too many. */
  part(volume: Volume, lie: FineLie, points: readonly (readonly [number, number])[]): PlanePart | null {
    const low = (axis: 0 | 1): number => Math.floor(points.reduce((least, point) => Math.min(least, point[axis]), Infinity)) - 1;
    const first: [number, number] = [low(0), low(1)];
    const size = (axis: 0 | 1): number => Math.ceil(points.reduce((most, point) => Math.max(most, point[axis]), -Infinity)) - first[axis] + 2;
    const [columns, rows] = [size(0), size(1)];
    if (!(columns > 0 && rows > 0 && columns * rows <= LARGEST_PART)) return null;
    this.#begin(volume, lie);
    const data = new Float64Array(columns * rows);
    for (let y = 0; y < rows; ) {
      const tileY = Math.floor((first[1] + y) / TILE);
      const high = Math.min((tileY + 1) * TILE - first[1], rows);
      for (let x = 0; x < columns; ) {
        const tileX = Math.floor((first[0] + x) / TILE);
        const end = Math.min((tileX + 1) * TILE - first[0], columns);
        const tile = this.#tile(tileX, tileY, lie);
        for (let row = y; row < high; row += 1) {
          const from = (first[1] + row - tileY * TILE) * TILE + first[0] + x - tileX * TILE;
          data.set(tile.subarray(from, from + end - x), row * columns + x);
        }
        x = end;
      }
      y = high;
    }
    return { values: { data, columns, rows, channels: 1, slope: 1, intercept: 0 }, first };
  }

  /** Let go of the volume that was read. */
  forget(): void {
    [this.#key, this.#volume, this.#reader] = ["", null, null];
    this.#tiles.clear();
  }

  #begin(volume: Volume, lie: FineLie): void {
    const key = JSON.stringify([volume.version, lie]);
    if (volume === this.#volume && key === this.#key && this.#tiles.size < MOST_TILES) return;
    [this.#key, this.#volume, this.#reader] = [key, volume, new Reader(volume)];
    this.#tiles.clear();
  }

  #tile(tileX: number, tileY: number, lie: FineLie): Float64Array {
    const key = `${tileX} ${tileY}`;
    let tile = this.#tiles.get(key);
    if (tile === undefined) {
      tile = this.#sample(tileX * TILE, tileY * TILE, lie);
      this.#tiles.set(key, tile);
    }
    return tile;
  }

  #sample(column: number, row: number, { geometry, slab_mm, projection }: FineLie): Float64Array {
    const [reader, volume] = [this.#reader as Reader, this.#volume as Volume];
    const { origin_mm, right, down, spacing_mm: [dy, dx] } = geometry;
    const normal = cross(right, down);
    const origin = plus(plus(origin_mm, scaled(right, column * dx)), scaled(down, row * dy));
    const { u, v, h } = latticeOf(volume.geometry, { origin, right: scaled(right, dx), down: scaled(down, dy), columns: TILE, rows: TILE });
    const deep = latticeOf(volume.geometry, { origin, right: normal, down: normal, columns: 1, rows: 1 });
    const offsets = slab_mm > 0 ? offsetsOf(slab_mm, samplingAlong(volume, normal)) : [0];
    const tile = new Float64Array(TILE * TILE);
    for (let y = 0, at = 0; y < TILE; y += 1) {
      for (let x = 0; x < TILE; x += 1, at += 1) {
        const [a, b, c] = [u.first + x * u.across + y * u.along, v.first + x * v.across + y * v.along, h.first + x * h.across + y * h.along];
        tile[at] = project(offsets, projection, (away) => reader.at(a + away * deep.u.across, b + away * deep.v.across, c + away * deep.h.across));
      }
    }
    return tile;
  }
}

/** Return the largest, the least or the mean of samples; those without a value do not count. */
function project(offsets: readonly number[], how: Projection, sample: (away_mm: number) => number): number {
  let [found, count] = [NaN, 0];
  for (const away of offsets) {
    const value = sample(away);
    if (value !== value) continue;
    if (count === 0) found = value;
    else if (how === "mean") found += value;
    else found = how === "max" ? Math.max(found, value) : Math.min(found, value);
    count += 1;
  }
  return how === "mean" ? found / Math.max(count, 1) : found;
}
