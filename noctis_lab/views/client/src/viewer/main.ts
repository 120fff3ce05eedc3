/** The viewer's two doors: `mountViewer` for any page, and the component that Panel renders. */
import { el } from "../ground/dom";
import { HttpTransport } from "../ground/transport";
import { decodeView, encodeView, NoView } from "./address";
import type { Mark } from "../measure/marks";
import { HttpMeasurements } from "../measure/source";
import { ViewerApp } from "./app";
import { ChannelTransport, type ComponentModel } from "./channel";
import { mountExported } from "./exported";
import type { SeriesPlace } from "./seriesStrip";
import type { HangingModel } from "./hanging";
import type { MountOptions } from "./mountOptions";
import { HttpPresets } from "./ownPresets";
import { HttpSurfaces } from "../volume3d/surfaces";
import { SessionStore } from "./sessions";
import type { ViewState } from "./state";
import { Still } from "./still";

export { HttpTransport } from "../ground/transport";
export { HttpMeasurements } from "../measure/source";
export { gpuAnswer } from "../volume3d/choosing";
export type { MountOptions } from "./mountOptions";
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
  /** A study to compare with, or empty. */
  compare: string;
  /** Base path of the pixel routes, or empty: the component's own channel. */
  api_base: string;
  /** The name of stills in the document that stand for the view until it is there. */
  still: string;
  /** The archive's folder where code has to name it, or empty. */
  root: string;
  /** Of a page: the protocols that apply to its study, and which one hung it; else empty. */
  hanging: HangingModel | Record<string, never>;
  /** Circles over the images. */
  marks: Mark[];
  /** By which plots know this view. */
  link_key: string;
  /** A page's plots: a component of their own. */
  plots: object | null;
  get_child(name: string): HTMLElement;
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

/** What stands for the component in the document itself. */
function outermostOf(element: HTMLElement): HTMLElement {
  let outermost: Element = element;
  for (let root = outermost.getRootNode(); root instanceof ShadowRoot; root = outermost.getRootNode()) outermost = root.host;
  return outermost as HTMLElement;
}

/** Notebooks hear keys before we do: JupyterLab leaves alone what stands under this attribute. */
function claimKeys(element: HTMLElement): void {
  outermostOf(element).setAttribute("data-lm-suppress-shortcuts", "true");
}

/** Where the page's address is read and written; a notebook's cell leaves it alone. */
interface Address {
  /** null: it states none, or Python has said since what is shown. */
  state: ViewState | null;
  /** It states what is no view. */
  isUnsound: boolean;
}

function readAddress(): Address {
  try {
    return { state: decodeView(location.hash), isUnsound: false };
  } catch (error) {
    if (!(error instanceof NoView)) throw error;
    return { state: null, isUnsound: true };
  }
}

/** A reload, or somebody else who may see the study, opens what is in view. */
function keepStateInAddress(state: ViewState): void {
  history.replaceState(history.state, "", `#${encodeView(state)}`);
}

/** An address that holds a view says how the panes stand: then no protocol does. */
const hangingOf = (hanging: HangingModel, isStated: boolean): HangingModel => (isStated ? { ...hanging, hung: "" } : hanging);

const UNSOUND = "The address holds no view that can be shown: this is the usual one";

/** Without our script too, the server opens the series that was in view. */
function keepInAddress({ StudyInstanceUID, SeriesInstanceUID }: SeriesPlace): void {
  if (StudyInstanceUID !== "") return;

  const address = new URL(location.href);
  address.searchParams.set("series", SeriesInstanceUID);
  history.replaceState(history.state, "", address);
}

function render({ model, el: container }: RenderArguments): HTMLElement {
  const element = el("div", { class: "noctis-viewer" });
  const isPage = model.mode === "page";
  const isFilling = isPage || model.api_base !== ""; // a notebook's cell has the height of one
  element.style.cssText = `display:block;position:relative;width:100%;height:${isFilling ? "100%" : "648px"}`;
  container.style.cssText += `;width:100%;${isFilling ? "height:100%" : ""}`;
  const http = model.api_base === "" ? null : new HttpTransport(model.StudyInstanceUID, model.api_base);
  const channel = http === null ? new ChannelTransport(model) : null;
  const transport = (http ?? channel) as HttpTransport | ChannelTransport;
  const still = new Still(isPage ? "" : model.still);
  still.awaitAnswer(transport);
  const isSaid = (model.view_state.revision ?? 0) > 0; // by Python, since the page was asked for
  const address = isPage && !isSaid ? readAddress() : { state: null, isUnsound: false };
  const hanging = isPage && "protocols" in model.hanging ? hangingOf(model.hanging as HangingModel, isSaid || address.state !== null) : null;
  const app = mountViewer(element, {
    transport, state: address.state ?? stateOf(model), isArranged: isSaid || address.state !== null || Boolean(hanging?.hung), mode: model.mode, StudyInstanceUID: model.StudyInstanceUID, series: http, compare: model.compare,
    root: model.root || null, linkKey: model.link_key, plots: model.plots ? model.get_child("plots") : null, sessions: http && isPage ? new SessionStore() : null,
    measurements: channel ?? new HttpMeasurements(model.api_base), presets: channel ?? new HttpPresets(), hanging, marks: model.marks,
    surfaces: channel ?? new HttpSurfaces(model.api_base),
    onOtherStudy: ({ StudyInstanceUID, state }) => { location.assign(`/viewer/${encodeURIComponent(StudyInstanceUID)}#${encodeView(state)}`); },
    onReport: (state) => {
      model.view_state = { ...state, revision: model.view_state.revision ?? 0 };
      if (isPage) keepStateInAddress(state);
    },
    onOpen: (place) => { if (isPage) keepInAddress(place); },
  });
  if (address.isUnsound) app.onSay(UNSOUND);
  const onAddress = (): void => {
    const { state, isUnsound } = readAddress();
    if (state !== null) app.restore(state);
    else if (isUnsound) app.onSay(UNSOUND);
  };
  if (isPage) window.addEventListener("hashchange", onAddress);
  const apply = (): void => {
    app.apply(stateOf(model));
    if (isPage) keepStateInAddress(app.state);
  };
  const mark = (): void => app.measured.measuring.mark(model.marks);
  model.on("view_state", apply as (event: never) => void);
  model.on("marks", mark as (event: never) => void);
  const claim = (): void => {
    claimKeys(element);
    still.hold(outermostOf(element));
  };
  model.on("after_render", claim as (event: never) => void);
  model.on("remove", (() => {
    model.off("view_state", apply as (event: never) => void);
    model.off("marks", mark as (event: never) => void);
    model.off("after_render", claim as (event: never) => void);
    window.removeEventListener("hashchange", onAddress);
    app.close();
    channel?.close();
  }) as (event: never) => void);
  return element;
}

mountExported();

export default { render };
