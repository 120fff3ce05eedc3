/** Rays through a volume on the CPU: highest value, colours and opacities, or the first place at a level. Pure. */
import { dot, scaled, plus, unit, type Vector } from "../mpr/vectors";
import { BRICK, type Bricks } from "./bricks";
import { along, type Field, placeOn } from "./field";
import { isClear, TABLE_SIZE, type Transfer } from "./presets";
import { type ClipBox, forwardOf } from "./state";

/**
 * What a picture is of, in kept units of the voxels (before slope and intercept).
 *
 * `isRising`: the values rise with what is kept; else the highest value is the lowest that is kept.
 */
export type Matter =
  | { mode: "mip"; isRising: boolean }
  | { mode: "volume"; transfer: Transfer; slope: number; intercept: number }
  | { mode: "surface"; level: number; isRising: boolean };

/** Where a picture's pixels lie: parallel rays along right × down. */
export interface Lens {
  right: Vector;
  down: Vector;
  /** What lies in the middle of the picture. */
  centre: Vector;
  mmPerPixel: number;
  width: number;
  height: number;
  clip: ClipBox | null;
  /** Samples to a voxel along the ray. */
  fineness: number;
}

const SNAP = 1e-6;
/** What is behind so much light stopped is not seen. */
const ENOUGH = 0.985;
const FAINT = 0.004;
/** What is faint is as bright as most of what is lit. */
const FAINT_BRIGHTNESS = 0.7;
const AMBIENT = 0.28;
const DIFFUSE = 0.72;
const GLOSS = 0.22;
const SHARPNESS = 20;
/** A surface's colour, 0 … 255, where nothing says another. */
export const SURFACE_COLOUR: readonly [number, number, number] = [222, 210, 184];

/** Light comes over the left shoulder of whoever looks. */
export function lightOf(right: Vector, down: Vector): { light: Vector; half: Vector; eye: Vector } {
  const eye = scaled(forwardOf({ right, down }), -1);
  const light = unit(plus(eye, plus(scaled(right, -0.45), scaled(down, -0.55)))) as Vector;
  return { light, half: unit(plus(light, eye)) as Vector, eye };
}

/** How bright a place with this unit normal is, and its gloss, both 0 … 1. */
export function shade(normal: Vector, light: Vector, half: Vector): [number, number] {
  const facing = dot(normal, light);
  const gloss = facing > 0 ? GLOSS * Math.max(dot(normal, half), 0) ** SHARPNESS : 0;
  return [AMBIENT + DIFFUSE * Math.max(facing, 0), gloss];
}

const dominant = (step: Vector): 0 | 1 | 2 => {
  const [a, b, c] = step.map(Math.abs) as [number, number, number];
  return a >= b && a >= c ? 0 : b >= c ? 1 : 2;
};

/** Casts the rays of one picture, row by row. */
export class Caster {
  /** Of MIP: the highest value in kept units, NaN where there is none. */
  readonly values: Float32Array;
  /** Of the others: pixels as a canvas has them. */
  readonly pixels: Uint32Array;
  readonly #field: Field;
  readonly #bricks: Bricks | null;
  readonly #lens: Lens;
  readonly #matter: Matter;
  readonly #start: Vector;
  readonly #across: Vector;
  readonly #along: Vector;
  /** Along the ray, a millimetre. */
  readonly #into: Vector;
  readonly #axis: 0 | 1 | 2;
  /** mm from a sample to the next. */
  readonly #step: number;
  readonly #light: ReturnType<typeof lightOf>;
  readonly #opacity: Float32Array;
  /** Over how many bricks a ray may leap; 0: none. */
  readonly #leaps: Uint8Array | null;
  /** Of MIP: where the ray at hand is in which brick, mm of the first sample, how many, and how high they can be. */
  readonly #stretches: { from: Float64Array; count: Int32Array; bound: Float64Array };
  /** Which way along values is outward: where they fall, of stored values that fall as values rise the other way. */
  readonly #sign: 1 | -1;
  /** Brightness and gloss of the sample at hand. */
  readonly #lit = new Float64Array(2);
  /** Of the ray at hand, mm before which all is of a brick that may show something. */
  #checked = -Infinity;
  /** (first mm, last mm) of the ray at hand. */
  readonly #reach: [number, number] = [0, 0];

  constructor(field: Field, bricks: Bricks, lens: Lens, matter: Matter) {
    [this.#field, this.#lens, this.#matter] = [field, lens, matter];
    this.#bricks = field.lattice.isStraight ? bricks : null;
    const { right, down, mmPerPixel, width, height } = lens;
    const first = plus(plus(lens.centre, scaled(right, (0.5 - width / 2) * mmPerPixel)), scaled(down, (0.5 - height / 2) * mmPerPixel));
    const forward = forwardOf(lens);
    this.#start = placeOn(field.lattice, first);
    this.#across = along(field.lattice, scaled(right, mmPerPixel));
    this.#along = along(field.lattice, scaled(down, mmPerPixel));
    this.#into = along(field.lattice, forward);
    this.#axis = dominant(this.#into);
    this.#step = 1 / (Math.abs(this.#into[this.#axis]) * lens.fineness);
    this.#light = lightOf(right, down);
    const isRising = matter.mode === "volume" ? matter.slope > 0 : matter.isRising;
    this.#sign = isRising ? -1 : 1;
    const { across: bx, along: by, up: bz } = bricks;
    const most = matter.mode === "mip" ? 2 * (bx + by + bz) + 3 : 0; // a ray on an edge is in a brick twice
    this.#stretches = { from: new Float64Array(most), count: new Int32Array(most), bound: new Float64Array(most) };
    const size = width * height;
    this.values = new Float32Array(matter.mode === "mip" ? size : 0).fill(NaN);
    this.pixels = new Uint32Array(matter.mode === "mip" ? 0 : size).fill(0xff000000);
    this.#opacity = matter.mode === "volume" ? matter.transfer.opacity.map((opacity) => 1 - (1 - opacity) ** this.#step) : new Float32Array(0);
    this.#leaps = this.#bricks === null || matter.mode === "mip" ? null : this.#bricks.leaps(keyOf(matter), showsOf(matter));
  }

  /** Cast the rays of rows first … end − 1. */
  cast(first: number, end: number): void {
    const { width } = this.#lens;
    const { mode } = this.#matter;
    for (let y = first; y < end; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const u = this.#start[0] + x * this.#across[0] + y * this.#along[0];
        const v = this.#start[1] + x * this.#across[1] + y * this.#along[1];
        const w = this.#start[2] + x * this.#across[2] + y * this.#along[2];
        if (!this.#enter(x, y, u, v, w)) continue;
        const at = y * width + x;
        if (mode === "mip") this.values[at] = this.#highest(u, v, w);
        else this.pixels[at] = mode === "volume" ? this.#blend(u, v, w) : this.#hit(u, v, w);
      }
    }
  }

  /** Find where a ray is in the volume and the box; false where it misses them. */
  #enter(x: number, y: number, u: number, v: number, w: number): boolean {
    const { least, most } = this.#field;
    const reach = this.#reach;
    reach[0] = -Infinity;
    reach[1] = Infinity;
    const into = this.#into;
    if (!narrow(reach, u, into[0], least[0], most[0]) || !narrow(reach, v, into[1], least[1], most[1]) || !narrow(reach, w, into[2], least[2], most[2])) return false;
    const { clip, centre, right, down, mmPerPixel, width, height } = this.#lens;
    if (clip !== null) {
      const forward = this.#light.eye;
      const dx = (x + 0.5 - width / 2) * mmPerPixel;
      const dy = (y + 0.5 - height / 2) * mmPerPixel;
      for (let axis = 0 as 0 | 1 | 2; axis < 3; axis += 1) {
        const place = centre[axis] + right[axis] * dx + down[axis] * dy;
        if (!narrow(reach, place, -forward[axis], clip[axis][0], clip[axis][1])) return false;
      }
    }
    return reach[1] >= reach[0];
  }

  /** mm of the first sample: on a voxel's plane, so that rays along an axis meet the voxels themselves. */
  #first(u: number, v: number, w: number): number {
    const axis = this.#axis;
    const at = axis === 0 ? u : axis === 1 ? v : w;
    const step = this.#into[axis];
    const { fineness } = this.#lens;
    const place = (at + this.#reach[0] * step) * fineness;
    const whole = step > 0 ? Math.ceil(place - SNAP) : Math.floor(place + SNAP);
    return (whole / fineness - at) / step;
  }

  /** The highest value on a ray: where it can be highest first, then only where it can be higher still. */
  #highest(u: number, v: number, w: number): number {
    const step = this.#step;
    const end = this.#reach[1] + SNAP;
    const first = this.#first(u, v, w);
    const sign = (this.#matter as Matter & { mode: "mip" }).isRising ? 1 : -1;
    const bricks = this.#bricks;
    if (bricks === null) return sign * this.#most(u, v, w, first, Math.floor((end - first) / step) + 1, sign, NaN);
    const bounds = sign === 1 ? bricks.highest : bricks.lowest;
    const { from, count, bound } = this.#stretches;
    let stretches = 0;
    let best = 0;
    for (let t = first; t <= end; t += step * (count[stretches - 1] as number)) {
      const a = u + t * this.#into[0];
      const b = v + t * this.#into[1];
      const c = w + t * this.#into[2];
      from[stretches] = t;
      bound[stretches] = sign * (bounds[brickAt(bricks, a, b, c)] as number);
      count[stretches] = Math.min(this.#leap(a, b, c, 1), Math.floor((end - t) / step) + 1);
      if ((bound[stretches] as number) > (bound[best] as number)) best = stretches;
      stretches += 1;
    }
    if (stretches === 0) return NaN;
    let most = this.#most(u, v, w, from[best] as number, count[best] as number, sign, NaN);
    for (let i = 0; i < stretches; i += 1) {
      if (i !== best && !((bound[i] as number) <= most)) most = this.#most(u, v, w, from[i] as number, count[i] as number, sign, most);
    }
    return sign * most;
  }

  /** The highest of so many samples from a place on a ray on, and of what was found before. */
  #most(u: number, v: number, w: number, from: number, count: number, sign: number, before: number): number {
    const field = this.#field;
    const step = this.#step;
    const du = this.#into[0];
    const dv = this.#into[1];
    const dw = this.#into[2];
    let most = before;
    for (let i = 0; i < count; i += 1) {
      const t = from + i * step;
      const value = sign * field.sample(u + t * du, v + t * dv, w + t * dw);
      if (value > most || most !== most) most = value;
    }
    return most;
  }

  /** How many samples on the ray leaves so many bricks from the one that it is in: at least 1. */
  #leap(a: number, b: number, c: number, reach: number): number {
    const into = this.#into;
    const bricks = this.#bricks as Bricks;
    const mm = Math.min(exit(a, into[0], bricks.across, reach), exit(b, into[1], bricks.along, reach), exit(c, into[2], bricks.up, reach));
    return Math.max(1, Math.ceil(mm / this.#step - SNAP));
  }

  /** How many samples from the one at hand on show nothing; where it may show something 0, and `#checked` says how far. */
  #empty(t: number, a: number, b: number, c: number): number {
    if (this.#leaps === null) {
      this.#checked = Infinity;
      return 0;
    }
    const reach = this.#leaps[brickAt(this.#bricks as Bricks, a, b, c)] as number;
    const samples = this.#leap(a, b, c, reach || 1);
    if (reach > 0) return samples;
    this.#checked = t + this.#step * (samples - 0.5);
    return 0;
  }

  #blend(u: number, v: number, w: number): number {
    const matter = this.#matter as Matter & { mode: "volume" };
    const { transfer: { low, high, colour, isShaded }, slope, intercept } = matter;
    const gain = ((TABLE_SIZE - 1) / (high - low)) * slope;
    const offset = ((TABLE_SIZE - 1) / (high - low)) * (intercept - low);
    const du = this.#into[0];
    const dv = this.#into[1];
    const dw = this.#into[2];
    const end = this.#reach[1] + SNAP;
    const step = this.#step;
    const field = this.#field;
    const opacity = this.#opacity;
    const lit = this.#lit;
    let red = 0;
    let green = 0;
    let blue = 0;
    let stopped = 0;
    this.#checked = -Infinity;
    for (let t = this.#first(u, v, w); t <= end; t += step) {
      const a = u + t * du;
      const b = v + t * dv;
      const c = w + t * dw;
      if (t >= this.#checked) {
        const empty = this.#empty(t, a, b, c);
        if (empty > 0) {
          t += step * (empty - 1);
          continue;
        }
      }
      const value = field.sample(a, b, c);
      const entry = value * gain + offset;
      if (!(entry > 0)) continue;
      const i = entry >= TABLE_SIZE - 1 ? TABLE_SIZE - 1 : Math.floor(entry);
      const stops = opacity[i] as number;
      if (stops < 1e-4) continue;
      const part = (1 - stopped) * stops;
      // What adds less than a grey level is not worth a slope.
      if (isShaded && part > FAINT) this.#shade(a, b, c, value);
      else {
        lit[0] = isShaded ? FAINT_BRIGHTNESS : 1;
        lit[1] = 0;
      }
      const bright = lit[0] as number;
      const gloss = 255 * (lit[1] as number);
      red += part * ((colour[3 * i] as number) * bright + gloss);
      green += part * ((colour[3 * i + 1] as number) * bright + gloss);
      blue += part * ((colour[3 * i + 2] as number) * bright + gloss);
      stopped += part;
      if (stopped > ENOUGH) break;
    }
    return pixelOf(red, green, blue);
  }

  /** How bright a place with a value is, and its gloss, into `#lit`: lit where values fall towards the light. */
  #shade(a: number, b: number, c: number, value: number): void {
    const field = this.#field;
    field.slope(a, b, c, value);
    const du = field.slopes[0] as number;
    const dv = field.slopes[1] as number;
    const dw = field.slopes[2] as number;
    const rows = field.lattice.rows;
    const sign = this.#sign;
    const x = sign * (du * rows[0][0] + dv * rows[1][0] + dw * rows[2][0]);
    const y = sign * (du * rows[0][1] + dv * rows[1][1] + dw * rows[2][1]);
    const z = sign * (du * rows[0][2] + dv * rows[1][2] + dw * rows[2][2]);
    const size = Math.sqrt(x * x + y * y + z * z);
    const lit = this.#lit;
    lit[0] = 1;
    lit[1] = 0;
    if (!(size > 0)) return;
    const light = this.#light.light;
    const half = this.#light.half;
    const facing = (x * light[0] + y * light[1] + z * light[2]) / size;
    lit[0] = AMBIENT + DIFFUSE * (facing > 0 ? facing : 0);
    const mirrored = (x * half[0] + y * half[1] + z * half[2]) / size;
    if (facing > 0 && mirrored > 0.5) lit[1] = GLOSS * mirrored ** SHARPNESS;
  }

  #hit(u: number, v: number, w: number): number {
    const { level, isRising } = this.#matter as Matter & { mode: "surface" };
    const du = this.#into[0];
    const dv = this.#into[1];
    const dw = this.#into[2];
    const end = this.#reach[1] + SNAP;
    const step = this.#step;
    const field = this.#field;
    this.#checked = -Infinity;
    for (let t = this.#first(u, v, w); t <= end; t += step) {
      const a = u + t * du;
      const b = v + t * dv;
      const c = w + t * dw;
      if (t >= this.#checked) {
        const empty = this.#empty(t, a, b, c);
        if (empty > 0) {
          t += step * (empty - 1);
          continue;
        }
      }
      const value = field.sample(a, b, c);
      if (!(isRising ? value >= level : value <= level)) continue;
      const before = t - step < this.#reach[0] ? NaN : field.sample(a - step * du, b - step * dv, c - step * dw);
      // Cut open by the box or the volume's end: the cut faces the eye.
      const lit = this.#lit;
      if (Number.isNaN(before)) {
        const [bright, gloss] = shade(this.#light.eye, this.#light.light, this.#light.half);
        lit[0] = bright;
        lit[1] = gloss;
      } else {
        const back = before === value ? 0 : ((value - level) / (value - before)) * step;
        this.#shade(a - back * du, b - back * dv, c - back * dw, level);
      }
      const gloss = 255 * (lit[1] as number);
      return pixelOf(SURFACE_COLOUR[0] * (lit[0] as number) + gloss, SURFACE_COLOUR[1] * (lit[0] as number) + gloss, SURFACE_COLOUR[2] * (lit[0] as number) + gloss);
    }
    return 0xff000000;
  }
}

const byte = (value: number): number => (value >= 255 ? 255 : (value + 0.5) | 0);
/** A pixel as a canvas has it, little endian. */
export const pixelOf = (red: number, green: number, blue: number): number => ((0xff << 24) | (byte(blue) << 16) | (byte(green) << 8) | byte(red)) >>> 0;

/** Narrow a ray's reach to where place + t · step lies from low to high; false where it never does. */
function narrow(reach: [number, number], place: number, step: number, low: number, high: number): boolean {
  if (Math.abs(step) < 1e-12) return place >= low - SNAP && place <= high + SNAP;
  const a = (low - place) / step;
  const b = (high - place) / step;
  reach[0] = Math.max(reach[0], Math.min(a, b));
  reach[1] = Math.min(reach[1], Math.max(a, b));
  return reach[1] >= reach[0] - SNAP;
}

const cell = (place: number, count: number): number => {
  const found = Math.floor(place / BRICK);
  return found < 0 ? 0 : found >= count ? count - 1 : found;
};

const brickAt = (bricks: Bricks, a: number, b: number, c: number): number =>
  (cell(c, bricks.up) * bricks.along + cell(b, bricks.along)) * bricks.across + cell(a, bricks.across);

/** mm until a place leaves its brick and those beside it, `reach` in all each way, along one axis. */
function exit(place: number, step: number, count: number, reach: number): number {
  if (Math.abs(step) < 1e-12) return Infinity;
  const edge = step > 0 ? cell(place, count) + reach : cell(place, count) - reach + 1;
  // Beyond the first and the last brick there is nothing more to leave.
  return edge >= count || edge <= 0 ? Infinity : Math.max((edge * BRICK - place) / step, 0);
}

/** Return by what it goes which bricks a matter shows. */
function keyOf(matter: Matter): string {
  if (matter.mode === "mip") return "";
  if (matter.mode === "surface") return [matter.isRising, matter.level].join();
  const { transfer: { low, high, opaqueBefore }, slope, intercept } = matter;
  return [low, high, slope, intercept, ...opaqueBefore].join();
}

/** Return what tells of a brick's lowest and highest value whether it can show anything. */
function showsOf(matter: Matter): (low: number, high: number) => boolean {
  if (matter.mode === "mip") return () => true;
  if (matter.mode === "surface") return matter.isRising ? (_, high) => high >= matter.level : (low) => low <= matter.level;
  const { transfer, slope, intercept } = matter;
  return slope > 0
    ? (low, high) => !isClear(transfer, low * slope + intercept, high * slope + intercept)
    : (low, high) => !isClear(transfer, high * slope + intercept, low * slope + intercept);
}
