/** A view from outside in the page's address: numbers and names alone, what is as at the beginning left out. Pure. */
import { defaultVolume, readVolume, type VolumeState } from "./state";

const MODE_LETTERS: Record<VolumeState["mode"], string> = { volume: "v", mip: "m", surface: "s" };
const NUMBER = /^-?\d{1,17}(\.\d{1,17})?(e[+-]?\d{1,3})?$/;
const NAME = /^[a-z0-9-]{1,40}$/;

const short = (value: number): string => String(Number(value.toPrecision(8)));

/** Return a view from outside as one value of an address. */
export function encodeVolume(state: VolumeState): string {
  const usual = defaultVolume();
  const isUsual = [...state.right, ...state.down].every((part, i) => part === [...usual.right, ...usual.down][i]);
  const parts = [
    state.preset !== null && NAME.test(state.preset) && `p${state.preset}`,
    state.shift !== 0 && `s${short(state.shift)}`,
    state.level !== null && `l${short(state.level)}`,
    !isUsual && `d${[...state.right, ...state.down].map(short).join(":")}`,
    state.zoom !== 1 && `z${short(state.zoom)}`,
    state.pan_mm.some((part) => part !== 0) && `o${state.pan_mm.map(short).join(":")}`,
    state.clip_mm !== null && `c${state.clip_mm.flat().map(short).join(":")}`,
    state.surface !== null && `k${state.surface}`,
  ];
  return [MODE_LETTERS[state.mode], ...parts.filter((part) => part)].join(",");
}

function readNumbers(text: string, count: number): number[] | null {
  const parts = text.split(":");
  return parts.length === count && parts.every((part) => NUMBER.test(part)) ? parts.map(Number) : null;
}

const READERS: Record<string, (text: string) => Partial<Record<keyof VolumeState, unknown>> | null> = {
  p: (text) => (NAME.test(text) ? { preset: text } : null),
  s: (text) => { const found = readNumbers(text, 1); return found && { shift: found[0] }; },
  l: (text) => { const found = readNumbers(text, 1); return found && { level: found[0] }; },
  d: (text) => { const found = readNumbers(text, 6); return found && { right: found.slice(0, 3), down: found.slice(3) }; },
  z: (text) => { const found = readNumbers(text, 1); return found && { zoom: found[0] }; },
  o: (text) => { const found = readNumbers(text, 2); return found && { pan_mm: found }; },
  c: (text) => { const found = readNumbers(text, 6); return found && { clip_mm: [found.slice(0, 2), found.slice(2, 4), found.slice(4)] }; },
  k: (text) => ({ surface: text }),
};

/** Return the view that `encodeVolume` wrote, or null where any part is unsound. */
export function decodeVolume(text: string): VolumeState | null {
  const [letter, ...parts] = text.split(",");
  const mode = (Object.keys(MODE_LETTERS) as VolumeState["mode"][]).find((name) => MODE_LETTERS[name] === letter);
  if (mode === undefined || parts.length > Object.keys(READERS).length) return null;
  const said: Record<string, unknown> = { ...defaultVolume(), mode };
  for (const part of parts) {
    const read = Object.hasOwn(READERS, part.charAt(0)) ? READERS[part.charAt(0)]?.(part.slice(1)) : null;
    if (!read) return null;
    Object.assign(said, read);
  }
  return readVolume(said);
}
