/** What a view is opened with. */
import type { Transport } from "../ground/transport";
import type { Mark } from "../measure/marks";
import type { MeasurementSource } from "../measure/store";
import type { SurfaceSource } from "../volume3d/surfaces";
import type { HangingModel } from "./hanging";
import type { PresetSource } from "./ownPresets";
import type { SeriesPlace, SeriesSource } from "./seriesStrip";
import type { SavedSession, SessionStore } from "./sessions";
import type { ViewState } from "./state";

export interface MountOptions {
  transport: Transport;
  state: Partial<ViewState> & { SeriesInstanceUID: string };
  /** "page" fills its element and has strip and panel; "cell" is a notebook's: toolbar, stage, status line. */
  mode?: "page" | "cell";
  /** With a source of series: the study whose strip stands on the left. */
  StudyInstanceUID?: string | null;
  series?: SeriesSource | null;
  /** A study to compare with: its series stand below in the strip. */
  compare?: string;
  /** Where views are saved under a name. */
  sessions?: SessionStore | null;
  /** A session of another study is opened here. */
  onOtherStudy?(session: SavedSession): void;
  /** The state says how the panes stand: nothing is arranged for whoever opens the study. */
  isArranged?: boolean;
  /** Where measurements are kept; without it they last as long as the view. */
  measurements?: MeasurementSource | null;
  /** Circles that an analysis measured, drawn over the images. */
  marks?: readonly Mark[];
  /** The protocols that apply to the study, and which one says how its panes stand. */
  hanging?: HangingModel | null;
  /** Where a reader's own window presets are kept; without it they last as long as the view. */
  presets?: PresetSource | null;
  /** Where surfaces of volumes are made and kept; without it there are none. */
  surfaces?: SurfaceSource | null;
  /** The archive's folder, where code has to name it. */
  root?: string | null;
  /** By which plots know this view, and what Panel renders a page's plots into. */
  linkKey?: string;
  plots?: HTMLElement | null;
  /** The state, at the end of each interaction; never during it. */
  onReport?(state: ViewState): void;
  /** Another series was chosen here. */
  onOpen?(place: SeriesPlace): void;
}
