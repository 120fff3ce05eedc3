/** Puts a sampled plane on a canvas: values through the window's ramp, gaps and what could not be had hatched, the rest black. */
import type { Ramp } from "../viewer/windowing";
import { greyOf } from "../viewer/windowing";
import { FAILED, GAP, INSIDE, type Sampled } from "./plane";

const BLACK = 0xff000000;
const HATCH = 0xff4a4038; // little endian: blue, green, red

export class PlanePainter {
  readonly #context: CanvasRenderingContext2D;
  #image: ImageData | null = null;
  #pixels = new Uint32Array(0);

  constructor(readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    if (context === null) throw new Error("This browser gives no 2D canvas.");
    this.#context = context;
  }

  clear(width: number, height: number): void {
    this.#resize(width, height);
    this.#pixels.fill(BLACK);
    this.#show();
  }

  /** Paint a plane of the canvas's size; the ramp is over the sampled values, `table` has the pixels of 256 grey levels. */
  paint(sampled: Sampled, ramp: Ramp, table: Uint32Array, tint: ((pixels: Uint32Array) => void) | null = null): void {
    this.#resize(sampled.columns, sampled.rows);
    if (ramp.isSigmoid) paintSigmoid(sampled, ramp, table, this.#pixels);
    else paintLine(sampled, ramp.gain, ramp.offset, table, this.#pixels);
    tint?.(this.#pixels);
    this.#show();
  }

  #resize(width: number, height: number): void {
    if (this.#image?.width === width && this.#image.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.#image = new ImageData(width, height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  #show(): void {
    if (this.#image !== null) this.#context.putImageData(this.#image, 0, 0);
  }
}

function paintLine({ values, cover, columns, rows }: Sampled, gain: number, offset: number, table: Uint32Array, pixels: Uint32Array): void {
  const size = columns * rows;
  for (let i = 0; i < size; i += 1) {
    if (cover[i] !== INSIDE) {
      pixels[i] = voidAt(cover[i] as number, i, columns);
      continue;
    }
    const grey = (values[i] as number) * gain + offset;
    // NaN compares false twice and ends as 0.
    pixels[i] = table[grey <= 0 ? 0 : grey >= 255 ? 255 : (grey + 0.5) | 0] as number;
  }
}

function paintSigmoid({ values, cover, columns, rows }: Sampled, ramp: Ramp, table: Uint32Array, pixels: Uint32Array): void {
  const size = columns * rows;
  for (let i = 0; i < size; i += 1) {
    pixels[i] = cover[i] === INSIDE ? (table[greyOf(values[i] as number, ramp)] as number) : voidAt(cover[i] as number, i, columns);
  }
}

/** Diagonal lines, 8 px apart: here is no image, though the volume is around it. They rise over a gap, and fall where slices could not be had. */
function voidAt(cover: number, i: number, columns: number): number {
  if (cover !== GAP && cover !== FAILED) return BLACK;
  const [x, y] = [i % columns, Math.floor(i / columns)];
  return (cover === GAP ? x + y : x + 7 * y) % 8 < 1 ? HATCH : BLACK;
}
