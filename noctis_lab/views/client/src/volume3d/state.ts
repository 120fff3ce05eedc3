/** How a volume is seen from outside: camera, what is drawn, the box that is cut out. No pixels. Pure. */
import { cross, orthonormal, rotated, type Vector } from "../mpr/vectors";

/** Values as colours and opacities, the highest value on each ray, or the surface at a threshold. */
export type Mode = "volume" | "mip" | "surface";
export const MODES: readonly { mode: Mode; name: string }[] = [
  { mode: "surface", name: "Surface" }, { mode: "volume", name: "Volume" }, { mode: "mip", name: "MIP" },
];

/** Lowest and highest place along x, y and z that is drawn, mm, patient LPS. */
export type ClipBox = readonly [readonly [number, number], readonly [number, number], readonly [number, number]];

/** What Python and an address know of the view from outside. */
export interface VolumeState {
  mode: Mode;
  /** Name of the colours and opacities; null: the usual ones of the modality. */
  preset: string | null;
  /** By how much the preset lies higher than usual, in the values' units. */
  shift: number;
  /** Where the surface lies, in the values' units; null: the usual one of the modality. */
  level: number | null;
  /** Unit vectors, patient LPS: to the right and down on the screen; the eye looks along right × down. */
  right: Vector;
  down: Vector;
  zoom: number;
  /** (down, right): how far the middle of the pane is from the volume's, mm on the screen. */
  pan_mm: readonly [number, number];
  /** null: everything is drawn. */
  clip_mm: ClipBox | null;
  /** A kept surface that is drawn in place of the threshold's. */
  surface: string | null;
}

export const LARGEST_MM = 1e6;
export const LARGEST_VALUE = 1e12;
export const LEAST_ZOOM = 0.1;
export const MOST_ZOOM = 64;
/** A kept surface's name: 32 hexadecimal digits. */
export const SURFACE_KEY = /^[0-9a-f]{32}$/;
export const LONGEST_PRESET = 40;

/** From where a patient is looked at; the letter is the side that faces the eye. */
export const SIDES: readonly { side: string; name: string; right: Vector; down: Vector }[] = [
  { side: "A", name: "from the front", right: [1, 0, 0], down: [0, 0, -1] },
  { side: "P", name: "from behind", right: [-1, 0, 0], down: [0, 0, -1] },
  { side: "L", name: "from the left", right: [0, 1, 0], down: [0, 0, -1] },
  { side: "R", name: "from the right", right: [0, -1, 0], down: [0, 0, -1] },
  { side: "H", name: "from the head", right: [-1, 0, 0], down: [0, 1, 0] },
  { side: "F", name: "from the feet", right: [1, 0, 0], down: [0, 1, 0] },
];

const FRONT = SIDES[0] as (typeof SIDES)[number];

export function defaultVolume(): VolumeState {
  return {
    mode: "volume", preset: null, shift: 0, level: null, right: FRONT.right, down: FRONT.down, zoom: 1, pan_mm: [0, 0], clip_mm: null, surface: null,
  };
}

/** Where the eye looks. */
export const forwardOf = ({ right, down }: Pick<VolumeState, "right" | "down">): Vector => cross(right, down);

/** Turn what is seen: about the screen's vertical, its horizontal, and the line of sight, radians. */
export function turnedCamera(camera: Pick<VolumeState, "right" | "down">, about: { vertical?: number; horizontal?: number; sight?: number }): Pick<VolumeState, "right" | "down"> {
  let { right, down } = camera;
  const turn = (axis: Vector, angle: number): void => { [right, down] = [rotated(right, axis, angle), rotated(down, axis, angle)]; };
  if (about.vertical) turn(down, about.vertical);
  if (about.horizontal) turn(right, about.horizontal);
  if (about.sight) turn(cross(right, down), about.sight);
  return orthonormal({ right, down }) ?? camera;
}

const isNumber = (value: unknown, largest: number): value is number => typeof value === "number" && Number.isFinite(value) && Math.abs(value) <= largest;

function readVector(value: unknown): Vector | null {
  return Array.isArray(value) && value.length === 3 && value.every((part) => isNumber(part, LARGEST_MM)) ? (value as unknown as Vector) : null;
}

/** Return a box whose sides are in order, or null where it is none. */
export function readClip(value: unknown): ClipBox | null {
  if (!Array.isArray(value) || value.length !== 3) return null;
  const sides = value.map((side: unknown) => (Array.isArray(side) && side.length === 2 && side.every((part) => isNumber(part, LARGEST_MM)) && (side[0] as number) < (side[1] as number) ? side : null));
  return sides.includes(null) ? null : (sides as unknown as ClipBox);
}

/** Return a state of which every part is sound, or null where any is not: then nothing of it is taken. */
export function readVolume(said: unknown): VolumeState | null {
  if (typeof said !== "object" || said === null) return null;
  const { mode, preset = null, shift = 0, level = null, right, down, zoom = 1, pan_mm = [0, 0], clip_mm = null, surface = null } = said as Record<string, unknown>;
  const [across, along] = [readVector(right), readVector(down)];
  const camera = across === null || along === null ? null : orthonormal({ right: across, down: along });
  const clip = clip_mm === null ? null : readClip(clip_mm);
  const isSound = MODES.some((item) => item.mode === mode)
    && (preset === null || (typeof preset === "string" && preset.length <= LONGEST_PRESET))
    && isNumber(shift, LARGEST_VALUE) && (level === null || isNumber(level, LARGEST_VALUE)) && camera !== null
    && isNumber(zoom, MOST_ZOOM) && zoom >= LEAST_ZOOM
    && Array.isArray(pan_mm) && pan_mm.length === 2 && pan_mm.every((part) => isNumber(part, LARGEST_MM))
    && (clip_mm === null || clip !== null) && (surface === null || (typeof surface === "string" && SURFACE_KEY.test(surface)));
  if (!isSound) return null;
  return {
    mode: mode as Mode, preset: preset as string | null, shift: shift as number, level: level as number | null, ...(camera as Pick<VolumeState, "right" | "down">),
    zoom: zoom as number, pan_mm: pan_mm as [number, number], clip_mm: clip, surface: surface as string | null,
  };
}
