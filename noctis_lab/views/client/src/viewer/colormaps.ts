/** Colour maps of one-channel images: a grey level 0 … 255 becomes a colour. Pure. */
import { COLOURS } from "./colours";

/** Addresses count them: new ones go to the end. */
export const COLORMAPS = [
  { name: "grey", label: "Grey" }, { name: "grey_inverted", label: "Inverted grey" }, { name: "hot_iron", label: "Hot iron" },
  { name: "pet", label: "PET" }, { name: "hot_metal_blue", label: "Hot metal blue" }, { name: "pet_20_step", label: "PET 20 steps" },
  { name: "cividis", label: "Cividis" },
] as const;

export type Colormap = (typeof COLORMAPS)[number]["name"];

/** Return the map in which images of a modality are usually read: PET as ink on paper. */
export function usualColormap(modality: string | null): Colormap {
  return modality === "PT" ? "grey_inverted" : "grey";
}

type RGB = [number, number, number];

function coloursOf(name: Colormap): RGB[] {
  if (name === "grey" || name === "grey_inverted") {
    return Array.from({ length: 256 }, (_, i) => (name === "grey" ? [i, i, i] : [255 - i, 255 - i, 255 - i]));
  }
  const bytes = atob(COLOURS[name].join(""));
  return Array.from({ length: 256 }, (_, i) => [0, 1, 2].map((k) => bytes.charCodeAt(3 * i + k)) as RGB);
}

const KNOWN = new Map<string, Uint32Array>();

/** Return a map's 256 colours as opaque pixels of a canvas, from the least grey level up; turned round where `reversed`. */
export function pixelsOf(name: Colormap, reversed = false): Uint32Array {
  const key = `${name} ${reversed}`;
  const known = KNOWN.get(key);
  if (known) return known;
  // A canvas' bytes are red, green, blue, alpha; every browser's memory is little endian.
  const pixels = Uint32Array.from(coloursOf(name), ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0);
  if (reversed) pixels.reverse();
  KNOWN.set(key, pixels);
  return pixels;
}

/** Return whether a map is without colour. */
export const isGrey = (name: Colormap): boolean => name === "grey" || name === "grey_inverted";

/** Return a gradient's stops of a map, from the least grey level up. */
export function stopsOf(name: Colormap, reversed: boolean, count = 33): { offset: number; colour: string }[] {
  const pixels = pixelsOf(name, reversed);
  return Array.from({ length: count }, (_, i) => {
    const pixel = pixels[Math.round((i * 255) / (count - 1))] as number;
    return { offset: i / (count - 1), colour: `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})` };
  });
}
