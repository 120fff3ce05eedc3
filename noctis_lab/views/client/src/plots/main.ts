/** The linked plot that Panel renders: Bokeh's figure inside a frame of our own. */
import baseCss from "../ground/base.css";
import { adoptStyles, el } from "../ground/dom";
import tokensCss from "../ground/tokens.css";
import type { Window } from "../viewer/state";
import { followTheme } from "../viewer/theme";
import { type BokehModel, Figure, type FigureView } from "./figure";
import { type Drawn, PlotPanel } from "./panel";
import plotsCss from "./plots.css";

/** Panel's model: what `LinkedPlot` holds. */
interface PlotModel {
  link_key: string;
  is_docked: boolean;
  drawn: Drawn;
  progress: { done?: number; total?: number };
  view_window: Window | null;
  get_child(name: string): HTMLElement;
  send_msg(message: unknown): void;
  on(name: string, run: () => void): void;
}

interface RenderArguments {
  model: PlotModel;
  data: { figure: BokehModel };
  view: { get_child_view(model: BokehModel): FigureView | undefined };
}

function render({ model, data, view }: RenderArguments): HTMLElement {
  const host = el("div", { class: "noctis-plot" });
  host.style.cssText = "display:block;position:relative;width:100%;height:100%";
  const shadow = host.attachShadow({ mode: "open" });
  adoptStyles(shadow, tokensCss, baseCss, plotsCss);
  const figure = new Figure(data.figure, () => view.get_child_view(data.figure) ?? null);
  const panel = new PlotPanel({
    key: model.link_key, isDocked: model.is_docked, figure, element: model.get_child("figure"), send: (message) => model.send_msg(message),
  });
  shadow.append(panel.element);
  const unfollow = followTheme(panel.element);
  const paint = (): void => figure.paint(panel.element);
  const themes = new MutationObserver(paint);
  themes.observe(panel.element, { attributes: true, attributeFilter: ["data-theme"] });
  const show = (): void => panel.show(model.drawn);
  model.on("drawn", show);
  model.on("progress", () => panel.showProgress(model.progress));
  model.on("view_window", () => panel.showWindow(model.view_window));
  model.on("after_render", () => { paint(); panel.refresh(); });
  model.on("resize", () => panel.refresh());
  model.on("remove", () => {
    themes.disconnect();
    unfollow();
    panel.close();
  });
  panel.showWindow(model.view_window);
  show();
  if (!model.is_docked) model.send_msg({ kind: "ready" });
  return host;
}

export default { render };
