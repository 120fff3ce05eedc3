/** Bokeh's figures in the page's own colours: each part names its tokens in its tags, as `views/calibration/ink.py` writes them. */
import type { BokehModel } from "../plots/figure";

export type InkedModel = BokehModel & { readonly tags: readonly unknown[] };

const INK = /^ink:(\w+)=([\w-]+)$/;
const COLOURS = 65;

/** Return the attributes that a part takes of tokens. Pure. */
export function inkOf(tags: readonly unknown[], token: (name: string) => string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  if (token("surface-1") === "") return found; // the page is not in its document yet
  for (const tag of tags) {
    const [, name, value] = INK.exec(String(tag)) ?? [];
    if (name === undefined || value === undefined) continue;
    found[name] = name === "palette" ? paletteOf([1, 2, 3, 4, 5].map((step) => token(`${value}-${step}`))) : token(value);
  }
  return found;
}

const channelsOf = (colour: string): number[] => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/** Return colours evenly between some, given as #rrggbb. Pure. */
export function paletteOf(stops: readonly string[], count = COLOURS): string[] {
  return Array.from({ length: count }, (_, place) => {
    const at = (place / (count - 1)) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const [from, to] = [channelsOf(stops[low] ?? "#000000"), channelsOf(stops[low + 1] ?? "#000000")];
    const mixed = from.map((channel, i) => Math.round(channel + (at - low) * ((to[i] ?? channel) - channel)));
    return `#${mixed.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
  });
}

/** Paint figures by the tokens around an element. */
export function paint(figures: readonly InkedModel[], element: Element): void {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  for (const figure of figures) {
    for (const part of figure.references() as Iterable<InkedModel>) {
      const ink = inkOf(part.tags, token);
      if (Object.keys(ink).length > 0) part.setv(ink);
    }
  }
}

interface PointsModel extends InkedModel {
  readonly data_source: { readonly data: Record<string, ArrayLike<unknown>>; readonly selected: InkedModel & { readonly indices: readonly number[] } };
}

/** Call back with a column's value of the point that somebody clicks. */
export function onPoint(figures: readonly InkedModel[], column: string, run: (value: string) => void): void {
  for (const figure of figures) {
    for (const part of figure.references()) {
      if (!/GlyphRenderer$/.test(part.type) || !part.name?.startsWith("points")) continue;
      const { data_source: source } = part as PointsModel;
      source.selected.properties["indices"]?.change.connect(() => {
        const [place] = source.selected.indices;
        const value = place === undefined ? undefined : source.data[column]?.[place];
        if (typeof value === "string" && value !== "") run(value);
      });
    }
  }
}
