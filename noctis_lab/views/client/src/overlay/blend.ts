/** Colours over grey: a segment's fill by its opacity, its outline wholly. Pure. */
import { HALF } from "./labels";
import type { CanvasLabels } from "./onCanvas";
import type { Style } from "./state";

/** Colours by label: red, green, blue; a label that is hidden has none. */
export interface Colours {
  red: Uint8Array;
  green: Uint8Array;
  blue: Uint8Array;
  visible: Uint8Array;
}

/** Return the colours of segments; label k is the k-th of them, from 1. */
export function coloursOf(segments: readonly { number: number; color: string }[], hidden: ReadonlySet<number>): Colours {
  const size = segments.length + 1;
  const colours = { red: new Uint8Array(size), green: new Uint8Array(size), blue: new Uint8Array(size), visible: new Uint8Array(size) };
  segments.forEach(({ number, color }, i) => {
    const rgb = /^#[0-9a-f]{6}$/i.test(color) ? parseInt(color.slice(1), 16) : 0xff5c5c;
    [colours.red[i + 1], colours.green[i + 1], colours.blue[i + 1]] = [rgb >> 16, (rgb >> 8) & 255, rgb & 255];
    colours.visible[i + 1] = hidden.has(number) ? 0 : 1;
  });
  return colours;
}

export interface How {
  opacity: number;
  style: Style;
  /** Pixels that an outline is wide, inside the segment. */
  outline: number;
}

/** Lay labels over pixels: grey · (1 − a) + colour · a, rounded half up. */
export function blend(pixels: Uint32Array, on: CanvasLabels, { red, green, blue, visible }: Colours, { opacity, style, outline }: How): void {
  const { labels, shares, hasShares, width, box: { left, top, right, bottom } } = on;
  for (let y = top; y < bottom; y += 1) {
    for (let x = left, i = y * width + left; x < right; x += 1, i += 1) {
      const label = labels[i] as number;
      if (label === 0 || visible[label] !== 1) continue;
      const isLine = style !== "fill" && isEdge(on, x, y, label, outline);
      const part = isLine ? 1 : style === "outline" ? 0 : hasShares ? (opacity * (shares[i] as number)) / 255 : opacity;
      if (part === 0) continue;
      const pixel = pixels[i] as number;
      const mix = (under: number, over: number): number => (under + (over - under) * part + 0.5) | 0;
      pixels[i] = (0xff000000 | (mix((pixel >> 16) & 255, blue[label] as number) << 16) | (mix((pixel >> 8) & 255, green[label] as number) << 8)
        | mix(pixel & 255, red[label] as number)) >>> 0;
    }
  }
}

/** Whether the outside of a segment lies within `wide` pixels across or along; beside the canvas nothing is known. */
function isEdge({ labels, shares, hasShares, width, height }: CanvasLabels, x: number, y: number, label: number, wide: number): boolean {
  const i = y * width + x;
  const isIn = (at: number): boolean => labels[at] === label && (!hasShares || (shares[at] as number) >= HALF);
  if (!isIn(i)) return false;
  for (let away = 1; away <= wide; away += 1) {
    if ((x >= away && !isIn(i - away)) || (x + away < width && !isIn(i + away))
      || (y >= away && !isIn(i - away * width)) || (y + away < height && !isIn(i + away * width))) return true;
  }
  return false;
}
