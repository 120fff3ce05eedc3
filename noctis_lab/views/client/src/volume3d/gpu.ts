/** The same rays in WebGL 2, for graphics processors: tried against the processor's before it is used. */
import type { Volume } from "../mpr/volume";
import { pixelsOf } from "../viewer/colormaps";
import { storedRamp } from "../viewer/windowing";
import { Bricks } from "./bricks";
import { Caster, type Lens, lightOf, SURFACE_COLOUR } from "./cast";
import { along, Field, latticeOf, placeOn } from "./field";
import type { Scene } from "./picture";
import { TABLE_SIZE } from "./presets";
import { FRAGMENT, VERTEX } from "./shaders";
import { forwardOf } from "./state";

/** A texture of a volume holds two bytes a voxel. */
const MOST_TEXTURE_BYTES = 512 * 1024 ** 2;
/** Names of renderers that are the processor again: then ours, which leaps over what is clear, is faster. */
const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;
const MODES = { mip: 0, volume: 1, surface: 2 } as const;

export class GpuCaster {
  readonly canvas: HTMLCanvasElement;
  readonly #gl: WebGL2RenderingContext;
  readonly #program: WebGLProgram;
  readonly #places = new Map<string, WebGLUniformLocation | null>();
  readonly #voxels: WebGLTexture;
  readonly #table: WebGLTexture;
  #of: Volume | null = null;
  #version = -1;
  /** kept = texture · scale + middle */
  #scale = 1;
  #middle = 0;

  private constructor(canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, program: WebGLProgram) {
    [this.canvas, this.#gl, this.#program] = [canvas, gl, program];
    this.#voxels = gl.createTexture();
    this.#table = gl.createTexture();
  }

  /** Return a caster where the browser has one that draws as the processor does; `anyRenderer` takes software too. */
  static find(document: Document, anyRenderer = false): GpuCaster | null {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, preserveDrawingBuffer: true });
    if (gl === null) return null;
    const facts = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(facts === null ? gl.getParameter(gl.RENDERER) : gl.getParameter(facts.UNMASKED_RENDERER_WEBGL));
    if (SOFTWARE.test(name) && !anyRenderer) return null;
    const program = linked(gl);
    return program === null ? null : new GpuCaster(canvas, gl, program);
  }

  /** Free what it holds. */
  close(): void {
    this.#gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /** Let go of a volume, and of its texture. */
  forget(volume: Volume): void {
    if (this.#of !== volume) return;
    const gl = this.#gl;
    this.#of = null;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_3D, this.#voxels);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R16F, 1, 1, 1, 0, gl.RED, gl.FLOAT, null);
  }

  /** Make ready to draw a scene; false where it cannot, and the processor has to. */
  take({ volume, matter, look }: Pick<Scene, "volume" | "matter" | "look">, lens: Lens, bricks: Bricks): boolean {
    const gl = this.#gl;
    const ramp = storedRamp(look.ramp, volume);
    const isKnown = matter.mode !== "mip" || (matter.isRising && !ramp.isSigmoid);
    if (!isKnown || !volume.isComplete || !volume.geometry.isRegular || gl.isContextLost() || !this.#load(volume, bricks)) return false;
    [this.canvas.width, this.canvas.height] = [lens.width, lens.height];
    gl.viewport(0, 0, lens.width, lens.height);
    gl.useProgram(this.#program);
    this.#setRays(volume, lens);
    this.#setMatter(matter, ramp, volume);
    this.#setTable(matter, pixelsOf(look.colormap, look.isReversed));
    return true;
  }

  /** Draw rows first … end − 1 of the picture. */
  cast(first: number, end: number): void {
    const gl = this.#gl;
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, this.canvas.height - end, this.canvas.width, end - first);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  copyTo(canvas: HTMLCanvasElement): void {
    if (canvas.width !== this.canvas.width || canvas.height !== this.canvas.height) [canvas.width, canvas.height] = [this.canvas.width, this.canvas.height];
    canvas.getContext("2d")?.drawImage(this.canvas, 0, 0);
  }

  #load(volume: Volume, bricks: Bricks): boolean {
    if (this.#of === volume && this.#version === volume.version) return true;
    const gl = this.#gl;
    const { columns, rows } = volume.geometry;
    const count = volume.slices.length;
    const largest = gl.getParameter(gl.MAX_3D_TEXTURE_SIZE) as number;
    if (Math.max(columns, rows, count) > largest || columns * rows * count * 2 > MOST_TEXTURE_BYTES) return false;
    let [low, high] = [Infinity, -Infinity];
    for (const value of bricks.lowest) if (value < low) low = value;
    for (const value of bricks.highest) if (value > high) high = value;
    [this.#middle, this.#scale] = [(low + high) / 2, Math.max((high - low) / 2, 1e-12)];
    this.#of = null; // whatever becomes of it, the texture is that of the last volume no more
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_3D, this.#voxels);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R16F, columns, rows, count, 0, gl.RED, gl.FLOAT, null);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(gl.TEXTURE_3D, side, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    const line = new Float32Array(columns * rows);
    volume.slices.forEach((slice, k) => {
      if (slice === null) return;
      for (let i = 0; i < line.length; i += 1) line[i] = ((slice[i] as number) - this.#middle) / this.#scale;
      gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, k, columns, rows, 1, gl.RED, gl.FLOAT, line);
    });
    if (gl.getError() !== gl.NO_ERROR) return false;
    [this.#of, this.#version] = [volume, volume.version];
    return true;
  }

  #setRays({ geometry }: Volume, { right, down, centre, mmPerPixel, width, height, clip, fineness }: Lens): void {
    const lattice = latticeOf(geometry);
    const forward = forwardOf({ right, down });
    const into = along(lattice, forward);
    const sizes = into.map(Math.abs) as [number, number, number];
    const axis = sizes.indexOf(Math.max(...sizes));
    this.#vector("start", placeOn(lattice, centre));
    this.#vector("across", along(lattice, right));
    this.#vector("along", along(lattice, down));
    this.#vector("into", into);
    this.#vector("extent", [geometry.columns, geometry.rows, geometry.frames.length]);
    this.#vector("centre", centre);
    this.#vector("right", right);
    this.#vector("down", down);
    this.#vector("forward", forward);
    this.#vector("clipLow", clip === null ? [-1e9, -1e9, -1e9] : clip.map(([low]) => low));
    this.#vector("clipHigh", clip === null ? [1e9, 1e9, 1e9] : clip.map(([, high]) => high));
    lattice.rows.forEach((row, i) => this.#vector(`lattice${i}`, row));
    const { light, half } = lightOf(right, down);
    this.#vector("light", light);
    this.#vector("halfway", half);
    const gl = this.#gl;
    gl.uniform1i(this.#place("axis"), axis);
    gl.uniform1f(this.#place("fineness"), fineness);
    gl.uniform1f(this.#place("mm"), mmPerPixel);
    gl.uniform2f(this.#place("size"), width, height);
  }

  #setMatter(matter: Scene["matter"], ramp: { gain: number; offset: number }, { slope, intercept }: Volume): void {
    const gl = this.#gl;
    const [scale, middle] = [this.#scale, this.#middle];
    gl.uniform1i(this.#place("mode"), MODES[matter.mode]);
    // From the texture's values to entries of the table, or to heights above the level.
    let [gain, offset] = [scale * ramp.gain, middle * ramp.gain + ramp.offset];
    if (matter.mode === "volume") {
      const { low, high, isShaded } = matter.transfer;
      const entries = (TABLE_SIZE - 1) / (high - low);
      [gain, offset] = [entries * slope * scale, entries * (slope * middle + intercept - low)];
      gl.uniform1i(this.#place("isShaded"), isShaded ? 1 : 0);
    } else if (matter.mode === "surface") {
      const sign = matter.isRising ? 1 : -1;
      [gain, offset] = [sign * scale, sign * (middle - matter.level)];
      this.#vector("colour", SURFACE_COLOUR.map((part) => part / 255));
    }
    gl.uniform1f(this.#place("gain"), gain);
    gl.uniform1f(this.#place("offset"), offset);
    gl.uniform1f(this.#place("slopeSign"), matter.mode !== "volume" || slope > 0 ? 1 : -1);
  }

  #setTable(matter: Scene["matter"], greys: Uint32Array): void {
    const gl = this.#gl;
    const isVolume = matter.mode === "volume";
    const count = isVolume ? TABLE_SIZE : 256;
    const table = new Float32Array(count * 4);
    for (let i = 0; i < count; i += 1) {
      const pixel = greys[i] ?? 0;
      const part = (channel: number): number => (isVolume ? (matter.transfer.colour[3 * i + channel] as number) : (pixel >> (8 * channel)) & 255) / 255;
      table.set([part(0), part(1), part(2), isVolume ? (matter.transfer.opacity[i] as number) : 1], 4 * i);
    }
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, this.#table);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, count, 1, 0, gl.RGBA, gl.FLOAT, table);
    for (const [side, how] of [[gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST], [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]] as const) gl.texParameteri(gl.TEXTURE_2D, side, how);
    gl.uniform1i(this.#place("voxels"), 0);
    gl.uniform1i(this.#place("table"), 1);
  }

  #vector(name: string, [x, y, z]: readonly number[]): void {
    this.#gl.uniform3f(this.#place(name), x ?? 0, y ?? 0, z ?? 0);
  }

  #place(name: string): WebGLUniformLocation | null {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = this.#gl.getUniformLocation(this.#program, name);
      this.#places.set(name, place);
    }
    return place;
  }
}

function linked(gl: WebGL2RenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind);
    if (shader === null) return null;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) === true ? program : null;
}

/** How far two pictures may differ, in a channel of 255: half floats and hardware's filters. */
const AGREED = 6;

/** Whether a caster draws a small volume as the processor does; of MIP it is not asked. */
export function agrees(gpu: GpuCaster, scene: Pick<Scene, "volume" | "matter" | "look">, lens: Lens): boolean {
  const bricks = new Bricks(scene.volume);
  bricks.update();
  if (!gpu.take(scene, lens, bricks)) return false;
  gpu.cast(0, lens.height);
  const canvas = gpu.canvas.ownerDocument.createElement("canvas");
  gpu.copyTo(canvas);
  const data = canvas.getContext("2d", { willReadFrequently: true })?.getImageData(0, 0, lens.width, lens.height).data;
  const caster = new Caster(new Field(scene.volume), bricks, lens, scene.matter);
  caster.cast(0, lens.height);
  return data !== undefined && caster.pixels.every((pixel, i) => [0, 1, 2].every((channel) => Math.abs(((pixel >> (8 * channel)) & 255) - (data[4 * i + channel] as number)) <= AGREED));
}
