/** One plane's picture: sampled where something of it changed, windowed when only the window did. */
import type { PlaneOnCanvas } from "../overlay/tint";
import type { StackLook } from "../viewer/look";
import { pixelsOf } from "../viewer/colormaps";
import type { Stored } from "../viewer/renderer";
import { storedRamp } from "../viewer/windowing";
import { indexAt } from "./geometry";
import { type MprModel, normalOf, type PlaneFrame, type PlaneName } from "./model";
import { PlanePainter } from "./painter";
import { type PlaneGrid, PlaneSampler, Sampled } from "./plane";
import { offsetsOf, samplingAlong, SlabSampler, zoomOnto } from "./slab";
import { cross, dot, type Vector } from "./vectors";
import { slabGrid } from "./view";
import type { Volume, Voxels } from "./volume";

/** A plane that takes longer than this is drawn coarser while it is dragged. */
const SLOW_MS = 8;

export interface Lie {
  right: Vector;
  down: Vector;
  width: number;
  height: number;
  mmPerPixel: number;
  centre: Vector;
}

/** What is on the canvas. */
export interface Painted extends Pick<PlaneFrame, "slab_mm" | "projection"> {
  volume: Volume;
  lie: Lie;
  grid: PlaneGrid;
}

/** What is laid over a plane: `key` is another text where it is something else. */
export interface PlaneTint {
  key: string;
  paint(pixels: Uint32Array, at: PlaneOnCanvas): void;
}

export class PlaneDrawing {
  readonly sampled = new Sampled();
  readonly #painter: PlanePainter;
  readonly #plane = new PlaneSampler();
  readonly #slab = new SlabSampler();
  readonly #before = new Sampled();
  #painted: Painted | null = null;
  #key = "";
  #look = "";
  /** The key of what was laid over it last; empty: nothing was. */
  #tinted = "";
  #fullMs = 0;
  #isCoarse = false;
  /** Slices that what is on the canvas takes its values from. */
  #slices: [number, number] = [0, -1];
  /** Milliseconds of script of the last painting, and what of it was sampling. */
  paintMs = 0;
  sampleMs = 0;

  constructor(canvas: HTMLCanvasElement, readonly model: MprModel, readonly name: PlaneName) {
    this.#painter = new PlanePainter(canvas);
  }

  /** What is on the canvas, another object with every sampling; null before the first painting. */
  get painted(): Painted | null {
    return this.#painted;
  }

  /** Whether what is drawn is coarser than it will be at rest. */
  get isCoarse(): boolean {
    return this.#isCoarse;
  }

  /** Whether a slice that has landed shows on the canvas. */
  shows(slices: readonly number[]): boolean {
    return slices.some((slice) => slice >= this.#slices[0] && slice <= this.#slices[1]);
  }

  /** Forget what was drawn. */
  forget(): void {
    this.#key = "";
  }

  clear(width: number, height: number): void {
    this.#painted = null;
    [this.#key, this.#look] = ["", ""];
    this.#painter.clear(width, height);
  }

  /** Paint the pixels of a grid, and what `tint` lays over them; what is the same as before is not sampled again. */
  draw(lie: Lie, grid: PlaneGrid, { ramp, colormap, isReversed }: Pick<StackLook, "ramp" | "colormap" | "isReversed">, tint: PlaneTint | null = null): void {
    const { volume } = this.model;
    if (volume === null) return;
    const start = performance.now();
    const isNew = this.#sample(volume, lie, grid);
    this.sampleMs = performance.now() - start;
    const look_ = JSON.stringify([ramp, colormap, isReversed, volume.slope, volume.intercept, tint?.key]);
    if (!isNew && look_ === this.#look) return;
    this.#look = look_;
    this.#painter.paint(this.sampled, storedRamp(ramp, volume), pixelsOf(colormap, isReversed), tint && ((pixels) => {
      tint.paint(pixels, { volume, grid, sampled: this.sampled, isNew: isNew || tint.key !== "" && this.#tinted === "" });
    }));
    this.#tinted = tint?.key ?? "";
    this.paintMs = performance.now() - start;
  }

  /** Return whether anything was sampled anew. */
  #sample(volume: Volume, lie: Lie, grid: PlaneGrid): boolean {
    const { model, name } = this;
    const frame = model.planes[name];
    const plane = { through: model.crosshair, right: lie.right, down: lie.down };
    const coarse = model.isDragging && this.#fullMs > SLOW_MS;
    const key = JSON.stringify([grid, frame.slab_mm, frame.projection, coarse]);
    if (key === this.#key) return false;
    this.#key = key;
    this.#painted = { volume, lie, grid, slab_mm: frame.slab_mm, projection: frame.projection };
    this.#isCoarse = coarse;
    const start = performance.now();
    const normal = normalOf(frame);
    this.#slices = slicesOf(volume, grid, normal, frame.slab_mm / 2);
    if (frame.slab_mm > 0) this.#project(volume, grid, plane, normal, coarse ? 3 : 1);
    else if (coarse) this.#coarsely(volume, grid);
    else this.#plane.sample(this.#sharpest(volume, grid), grid, this.sampled);
    if (!coarse) this.#fullMs = performance.now() - start;
    return true;
  }

  #project(volume: Voxels, grid: PlaneGrid, plane: { through: Vector; right: Vector; down: Vector }, normal: Vector, coarsening: number): void {
    const { slab_mm, projection } = this.model.planes[this.name];
    const source = slabGrid(volume.geometry, plane, grid, coarsening);
    const offsets = offsetsOf(slab_mm, samplingAlong(volume, normal) * Math.min(coarsening, 2));
    this.#slab.project(volume, source, normal, offsets, projection, this.#before);
    zoomOnto(this.#before, source, grid, this.sampled);
  }

  /** Every second pixel of every second row, and linear in between. */
  #coarsely(volume: Voxels, grid: PlaneGrid): void {
    const twice = (step: Vector): Vector => [step[0] * 2, step[1] * 2, step[2] * 2];
    const source = { ...grid, right: twice(grid.right), down: twice(grid.down), columns: (grid.columns >> 1) + 1, rows: (grid.rows >> 1) + 1 };
    this.#plane.sample(volume, source, this.#before);
    zoomOnto(this.#before, source, grid, this.sampled);
  }

  /** Of a reduced volume: the slice itself in full, where the plane is one and it is here. */
  #sharpest(volume: NonNullable<MprModel["volume"]>, grid: PlaneGrid): Voxels {
    if (volume.factor === 1 || Math.abs(dot(unitNormal(grid), volume.full.normal)) < 1 - 1e-9) return volume;
    const slice = indexAt(volume.full, grid.origin)[2];
    const whole = Math.round(slice);
    if (Math.abs(slice - whole) > 1e-6) return volume;
    const frame = this.model.loader?.fullSlice(whole) ?? null;
    if (frame === null || volume.isConverted) return volume;
    const slices: (Stored | null)[] = volume.slices.map(() => null);
    slices[whole] = frame.stored;
    return { geometry: volume.full, slices };
  }
}

function unitNormal({ right, down }: PlaneGrid): Vector {
  const normal = cross(right, down);
  const size = Math.hypot(...normal);
  return [normal[0] / size, normal[1] / size, normal[2] / size];
}

/** Return the lowest and the highest slice that a plane or slab can touch. */
function slicesOf({ geometry }: Voxels, grid: PlaneGrid, normal: Vector, half_mm: number): [number, number] {
  const at = (x: number, y: number, away: number): number => indexAt(geometry, [0, 1, 2].map((i) =>
    (grid.origin[i] as number) + x * (grid.right[i] as number) + y * (grid.down[i] as number) + away * (normal[i] as number)) as unknown as Vector)[2];
  const found = [0, grid.columns - 1].flatMap((x) => [0, grid.rows - 1].flatMap((y) => [-half_mm, half_mm].map((away) => at(x, y, away))));
  return [Math.floor(Math.min(...found) - 1e-6), Math.ceil(Math.max(...found) + 1e-6)];
}
