/** What planes through a pane's series begin with. */
import { MprModel, type MprState } from "../mpr/model";
import type { Transport } from "../ground/transport";
import type { Pane } from "./pane";
import type { PaneState } from "./state";
import { Viewer } from "./viewer";

/** How the view was opened. */
interface Opened {
  /** Reaches the view's own study. */
  transport: Transport;
  state: Partial<PaneState> & { SeriesInstanceUID: string; mpr?: MprState | null };
}

/**
 * Return a model of the planes of a pane's series.
 *
 * They lie as those before them where these were of the series, or as the view was opened with where that is the series;
 * `images` gives what is in memory of it, and the slice on which the crosshair begins.
 */
export function modelFor({ transport, state: opened }: Opened, state: Partial<PaneState>, images: Pane | null, before: MprModel | null): MprModel {
  const place = { SeriesInstanceUID: state.SeriesInstanceUID || opened.SeriesInstanceUID, StudyInstanceUID: state.StudyInstanceUID ?? "" };
  const isOpened = place.SeriesInstanceUID === opened.SeriesInstanceUID && place.StudyInstanceUID === (opened.StudyInstanceUID ?? "");
  const earlier = before?.isOf(place) ? before.state : null;
  const planes = earlier ?? (isOpened ? (opened.mpr ?? null) : null);
  const isShown = images instanceof Viewer && images.state.SeriesInstanceUID === place.SeriesInstanceUID && images.state.StudyInstanceUID === place.StudyInstanceUID;
  // An address says where the crosshair stands; whoever comes from an image begins at that.
  const index = isShown && planes === earlier ? images.state.index : null;
  const known = isShown && images.stack !== null ? { stack: images.stack, store: images.store, index } : null;
  return new MprModel(transport, place.SeriesInstanceUID, planes, known, place.StudyInstanceUID);
}
