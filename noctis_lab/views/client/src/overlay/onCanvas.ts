/** Labels at a canvas's pixels: of the voxel that is nearest to each pixel's centre. Pure. */
import { sliceBelow } from "../mpr/geometry";
import type { VolumeGeometry } from "../mpr/geometry";
import { INSIDE, latticeOf, type PlaneGrid } from "../mpr/plane";
import { axesOf } from "../viewer/geometry";
import type { LabelLayer } from "./labels";
import type { FrameOnCanvas } from "./tint";

/** Labels of one layer at the pixels of a canvas; what lies beside `box` is none. */
export class CanvasLabels {
  width = 0;
  height = 0;
  labels = new Uint16Array(0);
  shares = new Uint8Array(0);
  /** Whether shares count. */
  hasShares = false;
  box = { left: 0, top: 0, right: 0, bottom: 0 };

  /** Take a size, and forget all labels. */
  clear(width: number, height: number): void {
    const size = width * height;
    if (this.width !== width || this.height !== height || this.labels.length < size) {
      [this.width, this.height] = [width, height];
      [this.labels, this.shares] = [new Uint16Array(size), new Uint8Array(size)];
    } else {
      const { top, bottom } = this.box;
      if (bottom > top) this.labels.fill(0, top * width, bottom * width);
    }
    this.hasShares = false;
    this.box = { left: width, top: height, right: 0, bottom: 0 };
  }
}

/** For each pixel along one axis the nearest voxel, −1 beside the image; as the renderer places them. */
function nearestVoxels(pixels: number, edge: number, scale: number, count: number, isReversed: boolean): Int32Array {
  const found = new Int32Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const at = (pixel + 0.5 - edge) / scale - 0.5;
    found[pixel] = at < -0.5 || at >= count - 0.5 ? -1 : Math.min(Math.max(Math.floor((isReversed ? count - 1 - at : at) + 0.5), 0), count - 1);
  }
  return found;
}

export interface FrameVoxels {
  across: Int32Array;
  along: Int32Array;
  isTransposed: boolean;
}

/** Return which voxel lies under each pixel of a frame on a canvas. */
export function voxelsOfFrame({ rows, columns, placement: { width, height, x0, y0, sx, sy }, turn }: FrameOnCanvas): FrameVoxels {
  const { right, down } = axesOf(turn);
  const isTransposed = right[0] === 0;
  const [wide, high] = isTransposed ? [rows, columns] : [columns, rows];
  return {
    isTransposed,
    across: nearestVoxels(width, x0, sx, wide, right[0] + right[1] < 0),
    along: nearestVoxels(height, y0, sy, high, down[0] + down[1] < 0),
  };
}

/** Return the first and last pixel (exclusive) whose voxel is from `first` to `end`. */
function reachOf(voxels: Int32Array, first: number, end: number): [number, number] {
  let [low, high] = [voxels.length, 0];
  voxels.forEach((voxel, pixel) => {
    if (voxel < first || voxel >= end) return;
    low = Math.min(low, pixel);
    high = pixel + 1;
  });
  return [low, high];
}

/** Put a layer of a frame's labels on a canvas. */
export function putFrame(layer: LabelLayer, { across, along, isTransposed }: FrameVoxels, out: CanvasLabels): void {
  out.clear(across.length, along.length);
  out.hasShares = layer.shares !== null;
  const { top, left, rows, columns, labels, shares } = layer;
  const [firstX, endX] = isTransposed ? reachOf(across, top, top + rows) : reachOf(across, left, left + columns);
  const [firstY, endY] = isTransposed ? reachOf(along, left, left + columns) : reachOf(along, top, top + rows);
  out.box = { left: firstX, top: firstY, right: endX, bottom: endY };
  const [stepX, stepY] = isTransposed ? [columns, 1] : [1, columns];
  const [originX, originY] = isTransposed ? [top, left] : [left, top];
  for (let y = firstY; y < endY; y += 1) {
    const line = ((along[y] as number) - originY) * stepY;
    for (let x = firstX, to = y * out.width + firstX; x < endX; x += 1, to += 1) {
      const from = line + ((across[x] as number) - originX) * stepX;
      const label = labels[from] as number;
      if (label === 0) continue;
      out.labels[to] = label;
      if (shares !== null) out.shares[to] = shares[from] as number;
    }
  }
}

/** Voxels under a plane's pixels: their slice, row and column, packed; −1 where the plane shows no image. */
export class PlaneVoxels {
  slices = new Int16Array(0);
  /** row · columns + column */
  places = new Int32Array(0);
  first = Number.MAX_SAFE_INTEGER;
  last = -1;

  /** Find the nearest voxel of each pixel: `cover` says where there is an image. */
  find(geometry: VolumeGeometry, grid: PlaneGrid, cover: Uint8Array): void {
    const size = grid.columns * grid.rows;
    if (this.slices.length < size) [this.slices, this.places] = [new Int16Array(size), new Int32Array(size)];
    const { u, v, h } = latticeOf(geometry, grid);
    const { heights_mm, originColumns, originRows, rows, columns } = geometry;
    const last = heights_mm.length - 2;
    [this.first, this.last] = [Number.MAX_SAFE_INTEGER, -1];
    let k = sliceBelow(geometry, h.first);
    for (let y = 0, i = 0; y < grid.rows; y += 1) {
      for (let x = 0; x < grid.columns; x += 1, i += 1) {
        if (cover[i] !== INSIDE) {
          this.slices[i] = -1;
          continue;
        }
        const height = h.first + x * h.across + y * h.along;
        while (k < last && height > (heights_mm[k + 1] as number)) k += 1;
        while (k > 0 && height < (heights_mm[k] as number)) k -= 1;
        const below = heights_mm[k] as number;
        const t = (height - below) / ((heights_mm[k + 1] as number) - below);
        const column = u.first + x * u.across + y * u.along - between(originColumns, k, t);
        const row = v.first + x * v.across + y * v.along - between(originRows, k, t);
        const slice = Math.min(Math.max(nearest(k + t), 0), last + 1);
        this.slices[i] = slice;
        this.places[i] = Math.min(Math.max(nearest(row), 0), rows - 1) * columns + Math.min(Math.max(nearest(column), 0), columns - 1);
        if (slice < this.first) this.first = slice;
        if (slice > this.last) this.last = slice;
      }
    }
  }
}

const between = (values: Float64Array, k: number, t: number): number => (values[k] as number) + ((values[k + 1] as number) - (values[k] as number)) * t;
/** Half way between two voxels a rounding error decides; it is not to differ from pixel to pixel. */
const nearest = (at: number): number => Math.floor(at + 0.5 + 1e-9);

/** Put layer `number` of every slice on a canvas of a plane; false where no slice has so many. */
export function putPlane(
  layersOf: (slice: number) => readonly LabelLayer[] | null, number: number, voxels: PlaneVoxels, grid: PlaneGrid, imageColumns: number, out: CanvasLabels,
): boolean {
  const layers: (LabelLayer | undefined)[] = [];
  for (let slice = voxels.first; slice <= voxels.last; slice += 1) layers[slice] = layersOf(slice)?.[number];
  out.clear(grid.columns, grid.rows);
  if (!layers.some((layer) => layer !== undefined)) return false;
  out.hasShares = layers.some((layer) => layer !== undefined && layer.shares !== null);
  out.box = { left: 0, top: 0, right: grid.columns, bottom: grid.rows };
  const size = grid.columns * grid.rows;
  for (let i = 0; i < size; i += 1) {
    const slice = voxels.slices[i] as number;
    const layer = slice < 0 ? undefined : layers[slice];
    if (layer === undefined) continue;
    const place = voxels.places[i] as number;
    const row = Math.floor(place / imageColumns);
    const [y, x] = [row - layer.top, place - row * imageColumns - layer.left];
    if (y < 0 || x < 0 || y >= layer.rows || x >= layer.columns) continue;
    const from = y * layer.columns + x;
    out.labels[i] = layer.labels[from] as number;
    if (out.hasShares) out.shares[i] = layer.shares?.[from] ?? 255;
  }
  return true;
}
