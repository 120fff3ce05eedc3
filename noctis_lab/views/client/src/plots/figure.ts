/** Bokeh's figure as this side uses it: it is filled, scaled and coloured here. Its models are not synchronised: nothing of that goes over a wire. */
import type { Series } from "./series";

/** A model of Bokeh's, as far as it is needed. */
export interface BokehModel {
  readonly name: string | null;
  readonly type: string;
  readonly properties: Record<string, { change: { connect(slot: () => void): boolean; disconnect(slot: () => void): boolean } } | undefined>;
  setv(attributes: Record<string, unknown>): void;
  references(): Iterable<BokehModel>;
}

interface FigureModel extends BokehModel {
  x_range: BokehModel & { start: number; end: number };
  y_range: BokehModel;
  left: BokehModel[];
  below: BokehModel[];
  center: BokehModel[];
}

/** Bokeh's view of it. */
export interface FigureView {
  readonly el: HTMLElement;
  readonly frame: { readonly bbox: { left: number; top: number; width: number; height: number } };
}

/** Where values lie on the screen: CSS px from the top left of Bokeh's element. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  start: number;
  end: number;
}

const MOST_POINTS = 80;

export class Figure {
  readonly #model: FigureModel;
  readonly #named = new Map<string, BokehModel>();
  readonly #grids: BokehModel[] = [];

  constructor(model: BokehModel, readonly view: () => FigureView | null) {
    this.#model = model as FigureModel;
    for (const part of model.references()) {
      if (part.name) this.#named.set(`${part.type.split(".").at(-1)} ${part.name}`, part);
      if (/Grid$/.test(part.type)) this.#grids.push(part);
    }
  }

  /** Where the axes enclose the data, as Bokeh laid it out last; null before that. */
  get frame(): Frame | null {
    const box = this.view()?.frame?.bbox;
    if (!box || !(box.width > 0)) return null;
    const { start, end } = this.#model.x_range;
    return { left: box.left, top: box.top, width: box.width, height: box.height, start, end };
  }

  /** Call back whenever values lie elsewhere on the screen. */
  onMoved(run: () => void): void {
    const watch = (model: BokehModel, names: string[]): void => names.forEach((name) => model.properties[name]?.change.connect(run));
    watch(this.#model, ["inner_width", "inner_height", "outer_width", "outer_height"]);
    watch(this.#model.x_range, ["start", "end"]);
  }

  /** Draw a series, or nothing. */
  draw(series: Series | null): void {
    const { bars, band, line } = series ?? { bars: { left: [] }, band: { x: [] }, line: { x: [] } };
    for (const [name, data, count] of [["bars", bars, bars.left.length], ["band", band, band.x.length], ["line", line, line.x.length]] as const) {
      if (series !== null) this.#named.get(`ColumnDataSource ${name}`)?.setv({ data });
      this.#named.get(`GlyphRenderer ${name}`)?.setv({ visible: count > 0 });
    }
    this.#named.get("GlyphRenderer points")?.setv({ visible: line.x.length > 0 });
    // So many that they would run together are seen under the mouse alone.
    this.#glyph("points", { fill_alpha: line.x.length > MOST_POINTS ? 0 : 1, line_alpha: line.x.length > MOST_POINTS ? 0 : 1 });
    if (series === null) return;
    const range = ([start, end]: [number, number]): Record<string, number> => ({ start, end, reset_start: start, reset_end: end });
    this.#model.x_range.setv(range(series.x));
    this.#model.y_range.setv(range(series.y));
    const words = new Map(Object.entries(series.xWords).map(([place, word]) => [Number(place), word]));
    this.#model.below[0]?.setv({ axis_label: series.xLabel, major_label_overrides: words });
    this.#model.left[0]?.setv({ axis_label: series.yLabel });
  }

  /** Colour everything by the tokens around an element. */
  paint(element: Element): void {
    const style = getComputedStyle(element);
    const token = (name: string): string => style.getPropertyValue(name).trim();
    const [ground, grid, quiet, bar, accent] = [token("--surface-1"), token("--line"), token("--text-3"), token("--text-2"), token("--c1")];
    this.#model.setv({ background_fill_color: ground, border_fill_color: ground });
    for (const axis of [...this.#model.left, ...this.#model.below]) axis.setv({ major_label_text_color: quiet, axis_label_text_color: quiet });
    for (const part of this.#grids) if ((part as BokehModel & { dimension: number }).dimension === 1) part.setv({ grid_line_color: grid });
    this.#glyph("bars", { fill_color: bar, line_color: bar, fill_alpha: 0.85 });
    this.#glyph("band", { fill_color: accent, fill_alpha: 0.16 });
    this.#glyph("line", { line_color: accent });
    this.#glyph("points", { fill_color: accent, line_color: accent });
  }

  #glyph(name: string, attributes: Record<string, unknown>): void {
    (this.#named.get(`GlyphRenderer ${name}`) as (BokehModel & { glyph: BokehModel }) | undefined)?.glyph.setv(attributes);
  }
}
