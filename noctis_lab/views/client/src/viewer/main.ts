/** The viewer's two doors: `mountViewer` for any page, and the component that Panel renders. */
import { el } from "../ground/dom";
import { HttpTransport } from "../ground/transport";
import { HttpMeasurements } from "../measure/source";
import { type MountOptions, ViewerApp } from "./app";
import { ChannelTransport, type ComponentModel } from "./channel";
import type { ViewState } from "./state";

export { HttpTransport } from "../ground/transport";
export { HttpMeasurements } from "../measure/source";
export type { MountOptions } from "./app";
export type { ViewState } from "./state";

/** Show one series in an element; it runs without Panel. */
export function mountViewer(element: HTMLElement, options: MountOptions): ViewerApp {
  const app = new ViewerApp(element, options);
  // For tests and for the curious: the app behind the element.
  Object.defineProperty(element, "noctis", { value: app, configurable: true });
  return app;
}

/** Panel's model: what `SeriesView` holds. */
interface SeriesModel extends ComponentModel {
  /** `revision` counts Python's changes: it tells a report that knows the last one from one that does not. */
  view_state: ViewState & { revision?: number };
  mode: "page" | "cell";
  StudyInstanceUID: string;
  /** Base path of the pixel routes, or empty: the component's own channel. */
  api_base: string;
  /** The archive's folder where code has to name it, or empty. */
  root: string;
}

interface RenderArguments {
  model: SeriesModel;
  el: HTMLElement;
}

function stateOf({ view_state }: SeriesModel): ViewState {
  const state: ViewState & { revision?: number } = { ...view_state };
  delete state.revision;
  return state;
}

/** Notebooks hear keys before we do: JupyterLab leaves alone what stands under this attribute. */
function claimKeys(element: HTMLElement): void {
  let outermost: Element = element;
  for (let root = outermost.getRootNode(); root instanceof ShadowRoot; root = outermost.getRootNode()) outermost = root.host;
  outermost.setAttribute("data-lm-suppress-shortcuts", "true");
}

/** A reload opens what was in view. */
function keepInAddress(SeriesInstanceUID: string): void {
  const address = new URL(location.href);
  address.searchParams.set("series", SeriesInstanceUID);
  history.replaceState(history.state, "", address);
}

function render({ model, el: container }: RenderArguments): HTMLElement {
  const element = el("div", { class: "noctis-viewer" });
  const isPage = model.mode === "page";
  element.style.cssText = `display:block;position:relative;width:100%;height:${isPage ? "100%" : "648px"}`;
  container.style.cssText += `;width:100%;${isPage ? "height:100%" : ""}`;
  const http = model.api_base === "" ? null : new HttpTransport(model.StudyInstanceUID, model.api_base);
  const channel = http === null ? new ChannelTransport(model) : null;
  const transport = (http ?? channel) as HttpTransport | ChannelTransport;
  const app = mountViewer(element, {
    transport, state: stateOf(model), mode: model.mode, StudyInstanceUID: model.StudyInstanceUID, series: http, root: model.root || null,
    measurements: channel ?? new HttpMeasurements(model.api_base),
    onReport: (state) => { model.view_state = { ...state, revision: model.view_state.revision ?? 0 }; },
    onOpen: (uid) => { if (isPage) keepInAddress(uid); },
  });
  const apply = (): void => app.apply(stateOf(model));
  model.on("view_state", apply as (event: never) => void);
  model.on("after_render", (() => claimKeys(element)) as (event: never) => void);
  model.on("remove", (() => {
    app.close();
    channel?.close();
  }) as (event: never) => void);
  return element;
}

export default { render };
