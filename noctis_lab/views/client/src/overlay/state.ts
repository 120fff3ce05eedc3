/** What lies over the images and how it is shown: the JSON twin of Python's `OverlayState`, and its text in an address. Pure. */

export const STYLES = ["both", "fill", "outline"] as const;
export type Style = (typeof STYLES)[number];

export interface OverlayState {
  /** A SOPInstanceUID, "planes", or what Python calls a mask; empty: the first that there is. */
  overlay: string;
  shown: boolean;
  /** Of a segment's fill, 0 to 1. */
  opacity: number;
  style: Style;
  /** Numbers of segments, ascending. */
  hidden: number[];
}

export const defaultOverlay = (): OverlayState => ({ overlay: "", shown: true, opacity: 0.4, style: "both", hidden: [] });

const NAME = /^[A-Za-z0-9.-]{0,64}$/;
const LARGEST_NUMBER = 0xffff;
const MOST_HIDDEN = 1000;
/** An address has room for so many. */
const MOST_IN_ADDRESS = 200;

/** Return a state as one value of an address; hidden segments beyond 200 are left to whoever opens it. */
export function encodeOverlay({ overlay, shown, opacity, style, hidden }: OverlayState): string {
  return [overlay, `${shown ? "s" : "h"}${Math.round(opacity * 100)}${style.charAt(0)}`, hidden.slice(0, MOST_IN_ADDRESS).join(".")].join(",");
}

/** Return the state that `encodeOverlay` wrote, or null where any part is unsound. */
export function decodeOverlay(text: string): OverlayState | null {
  const [overlay = "", how = "", numbers = "", ...rest] = text.split(",");
  const found = /^([sh])(\d{1,3})([bfo])$/.exec(how);
  if (found === null || rest.length > 0 || !NAME.test(overlay)) return null;
  const [, on, percent, letter] = found;
  const hidden = numbers === "" ? [] : numbers.split(".").map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : NaN));
  if (Number(percent) > 100 || hidden.length > MOST_HIDDEN || hidden.some((number) => !(number <= LARGEST_NUMBER))) return null;
  return { overlay, shown: on === "s", opacity: Number(percent) / 100, style: STYLES.find((style) => style.startsWith(letter as string)) as Style, hidden };
}

export const sameOverlay = (a: OverlayState | null, b: OverlayState | null): boolean => JSON.stringify(a) === JSON.stringify(b);
