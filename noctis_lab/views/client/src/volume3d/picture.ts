/** The picture of a volume on a canvas: coarse at once while it is turned, then finer in slices of time until it is fine. */
import { canvasGrid } from "../mpr/view";
import { plus, scaled, type Vector } from "../mpr/vectors";
import type { Volume } from "../mpr/volume";
import { PlanePainter } from "../mpr/painter";
import { INSIDE, Sampled } from "../mpr/plane";
import { pixelsOf } from "../viewer/colormaps";
import type { StackLook } from "../viewer/look";
import { storedRamp } from "../viewer/windowing";
import { Bricks } from "./bricks";
import { Caster, type Lens, type Matter } from "./cast";
import { Field } from "./field";
import type { GpuCaster } from "./gpu";
import { type Mesh, MeshPainter } from "./mesh";
import type { ClipBox } from "./state";

/** What is to be seen. */
export interface Scene {
  volume: Volume;
  right: Vector;
  down: Vector;
  centre: Vector;
  /** mm of a pixel of the canvas. */
  mmPerPixel: number;
  width: number;
  height: number;
  clip: ClipBox | null;
  matter: Matter;
  /** In place of the volume. */
  mesh: Mesh | null;
  /** How a MIP's values become grey levels. */
  look: Pick<StackLook, "ramp" | "colormap" | "isReversed">;
}

/** What a frame may take while something is turned, and what a slice of time may while it rests. */
const MOVING_MS = 45;
const SLICE_MS = 12;
const REST_MS = 160;
/** Pixels to a ray along each side: what is tried, finest first. */
const COARSENESS = [1, 2, 3, 4, 6, 8, 12] as const;
/** Rays of the finest picture: on larger canvases a ray takes several pixels. */
const MOST_RAYS = 2_500_000;
/** Rays a millisecond, before anything was measured. */
const SUPPOSED_RATE = 150;

export interface PictureEvents {
  /** Something is on the canvas; `coarseness` is how many pixels a ray takes along each side. */
  onShown(coarseness: number, isFinal: boolean): void;
}

/** A pass of rays over the picture. */
interface Pass {
  caster: { cast(first: number, end: number): void };
  lens: Lens;
  mode: Matter["mode"];
  row: number;
  spent: number;
}

export class Picture {
  readonly #context: CanvasRenderingContext2D;
  readonly #small: HTMLCanvasElement;
  readonly #painter: PlanePainter;
  readonly #meshes = new MeshPainter();
  readonly #sampled = new Sampled();
  #field: { of: Volume; field: Field; bricks: Bricks } | null = null;
  #pass: Pass | null = null;
  #timer = 0;
  /** Rays a millisecond. */
  readonly #rates = new Map<Matter["mode"], number>();
  #image: ImageData | null = null;
  /** Milliseconds of script of the last coarse and the last fine picture. */
  readonly spentMs = { moving: 0, fine: 0 };

  /** `gpu` casts the rays where there is one. */
  constructor(readonly canvas: HTMLCanvasElement, readonly events: PictureEvents, public gpu: GpuCaster | null = null) {
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: gpu === null });
    if (context === null) throw new Error("This browser gives no 2D canvas.");
    this.#context = context;
    this.#small = canvas.ownerDocument.createElement("canvas");
    this.#painter = new PlanePainter(this.#small);
  }

  clear(width: number, height: number): void {
    this.stop();
    this.#fit(width, height);
    this.#context.fillRect(0, 0, width, height);
  }

  /** Give up what is being drawn. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#pass = null;
  }

  close(): void {
    this.stop();
    this.#field = null;
  }

  /** Draw a scene: coarse at once, fine when nothing else has come for a while. */
  draw(scene: Scene, isMoving: boolean): void {
    this.stop();
    this.#fit(scene.width, scene.height);
    const finest = this.#finest(scene);
    if (scene.mesh !== null) {
      this.#drawMesh(scene, scene.mesh);
      return;
    }
    const first = Math.max(finest, this.#coarsenessFor(scene, MOVING_MS));
    const began = performance.now();
    this.#cast(this.#begin(scene, first, isMoving || first > finest ? 1 : 2), Infinity);
    this.#show(scene, first, first === finest && !isMoving);
    this.spentMs.moving = performance.now() - began;
    if (first > finest || isMoving) this.#later(() => this.#refine(scene, first > 3 && first > 2 * finest ? 2 * finest : finest, finest), isMoving ? REST_MS : 0);
  }

  #drawMesh(scene: Scene, mesh: Mesh): void {
    const began = performance.now();
    const lens = lensOf(scene, 1, 1);
    this.#put(this.#meshes.paint(mesh, lens), lens);
    this.#show(scene, 1, true, false);
    this.spentMs.fine = performance.now() - began;
  }

  #refine(scene: Scene, coarseness: number, finest: number): void {
    this.#pass ??= this.#begin(scene, coarseness, 2);
    // A graphics processor is shared: its picture is drawn at once.
    if (!this.#cast(this.#pass, this.#pass.caster instanceof Caster ? SLICE_MS : Infinity)) {
      this.#later(() => this.#refine(scene, coarseness, finest), 0);
      return;
    }
    this.spentMs.fine = this.#pass.spent;
    this.#show(scene, coarseness, coarseness === finest);
    this.#pass = null;
    if (coarseness > finest) this.#later(() => this.#refine(scene, finest, finest), 0);
  }

  #later(run: () => void, after_ms: number): void {
    this.#timer = window.setTimeout(run, after_ms);
  }

  #finest({ width, height }: Scene): number {
    return COARSENESS.find((side) => (width * height) / side ** 2 <= MOST_RAYS) ?? 12;
  }

  #coarsenessFor({ width, height, matter }: Scene, most_ms: number): number {
    const rate = this.#rates.get(matter.mode) ?? SUPPOSED_RATE;
    return COARSENESS.find((side) => (width * height) / side ** 2 / rate <= most_ms) ?? 12;
  }

  #begin(scene: Scene, coarseness: number, fineness: number): Pass {
    const lens = lensOf(scene, coarseness, fineness);
    if (this.#field?.of !== scene.volume) this.#field = { of: scene.volume, field: new Field(scene.volume), bricks: new Bricks(scene.volume) };
    const { field, bricks } = this.#field;
    bricks.update();
    const { mode } = scene.matter;
    const caster = this.gpu?.take(scene, lens, bricks) === true ? this.gpu : new Caster(field, bricks, lens, scene.matter);
    return { caster, lens, mode, row: 0, spent: 0 };
  }

  /** Cast rays for so long; returns whether all are. */
  #cast(pass: Pass, most_ms: number): boolean {
    const { caster, lens: { width, height, fineness } } = pass;
    const began = performance.now();
    const rows = Math.max(1, Math.ceil(4096 / width));
    let now = began;
    while (pass.row < height && now - began < most_ms) {
      const end = Math.min(pass.row + rows, height);
      caster.cast(pass.row, end);
      pass.row = end;
      now = performance.now();
    }
    pass.spent += now - began;
    if (pass.row < height) return false;
    this.#pass = pass;
    if (pass.spent > 0.5 && fineness === 1) this.#rates.set(pass.mode, (width * height) / pass.spent);
    return true;
  }

  /** Put what was cast onto the canvas. */
  #show(scene: Scene, coarseness: number, isFinal: boolean, isCast = true): void {
    const pass = this.#pass;
    if (isCast && pass !== null) {
      if (pass.caster instanceof Caster) this.#paint(scene, pass.caster, pass.lens);
      else {
        this.gpu?.copyTo(this.#small);
        this.#image = null;
      }
      this.#pass = null;
    }
    const context = this.#context;
    context.imageSmoothingEnabled = coarseness > 1;
    context.imageSmoothingQuality = "medium";
    const { width, height } = this.#small;
    context.drawImage(this.#small, 0, 0, width, height, 0, 0, width * coarseness, height * coarseness);
    this.events.onShown(coarseness, isFinal);
  }

  #paint(scene: Scene, caster: Caster, { width, height }: Lens): void {
    if (scene.matter.mode !== "mip") {
      this.#put(caster.pixels, { width, height });
      return;
    }
    const sampled = this.#sampled;
    sampled.clear(width, height);
    sampled.values.set(caster.values);
    for (let i = 0; i < caster.values.length; i += 1) if (!Number.isNaN(caster.values[i])) sampled.cover[i] = INSIDE;
    const { ramp, colormap, isReversed } = scene.look;
    this.#painter.paint(sampled, storedRamp(ramp, scene.volume), pixelsOf(colormap, isReversed));
    this.#image = null; // the painter's canvas has its size now
  }

  #put(pixels: Uint32Array, { width, height }: Pick<Lens, "width" | "height">): void {
    if (this.#small.width !== width || this.#small.height !== height) [this.#small.width, this.#small.height] = [width, height];
    if (this.#image?.width !== width || this.#image.height !== height) this.#image = new ImageData(width, height);
    new Uint32Array(this.#image.data.buffer).set(pixels);
    this.#small.getContext("2d")?.putImageData(this.#image, 0, 0);
  }

  #fit(width: number, height: number): void {
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
  }
}

/** Return where the rays of a scene begin, one for so many pixels along each side. */
export function lensOf(scene: Scene, coarseness: number, fineness: number): Lens {
  const { right, down, mmPerPixel, width, height, clip, volume } = scene;
  const [columns, rows] = [Math.ceil(width / coarseness), Math.ceil(height / coarseness)];
  // Whole voxels a pixel come to lie on the pixels.
  const grid = canvasGrid(volume.geometry, { through: scene.centre, right, down }, { width, height, mmPerPixel, centre: scene.centre });
  const offset = (size: number): number => (size * coarseness - 1) / 2;
  const centre = plus(plus(grid.origin, scaled(grid.right, offset(columns))), scaled(grid.down, offset(rows)));
  return { right, down, centre, mmPerPixel: mmPerPixel * coarseness, width: columns, height: rows, clip, fineness };
}
