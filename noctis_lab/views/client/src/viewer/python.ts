/** What a view shows, as Python. */
import { beginningOf, pythonText } from "../ground/python";
import type { PaneState, Window } from "./state";

/** Write the Python that brings a view of an array in memory to the same. */
export function pythonOfArray(state: Readonly<PaneState>, window: Window | null): string {
  return `view.at(${shownBy(state, window).join(", ")})\n`;
}

/** Write the Python that shows the same; `root` names the archive where it is not the usual one, `plane` is a plane's call. */
export function pythonOfView(state: Readonly<PaneState>, window: Window | null, StudyInstanceUID: string | null, root: string | null, plane: string | null = null): string {
  const shown = shownBy(state, window);
  return `${beginningOf(root)}${seriesOf(state, StudyInstanceUID)}${plane === null ? `s.view().at(${shown.join(", ")})` : `s.load().dicom.${plane}`}\n`;
}

function shownBy(state: Readonly<PaneState>, window: Window | null): string[] {
  return [
    `index=${state.index ?? 0}`, ...(window ? [`window=${pythonWindow(window)}`] : []), ...(window && state.voi_lut !== null ? [`voi_lut=${state.voi_lut}`] : []),
    ...(state.inverted ? ["inverted=True"] : []), ...(state.colormap === null ? [] : [`colormap=${pythonText(state.colormap)}`]),
  ];
}

/** Write the Python that gives a series' measurements as a table. */
export function pythonOfMeasurements(state: Readonly<PaneState>, StudyInstanceUID: string | null, root: string | null): string {
  return `${beginningOf(root)}${seriesOf(state, StudyInstanceUID)}s.measurements()\n`;
}

function seriesOf({ SeriesInstanceUID }: Readonly<PaneState>, StudyInstanceUID: string | null): string {
  const study = StudyInstanceUID ? `StudyInstanceUID=${pythonText(StudyInstanceUID)}, ` : "";
  return `s = lab.series(${study}SeriesInstanceUID=${pythonText(SeriesInstanceUID)}).one()\n`;
}

/** A window as Python's `at` takes it: the function is said where it is not LINEAR. */
function pythonWindow({ center, width, function: voi }: Window): string {
  return voi === "LINEAR" ? `(${center}, ${width})` : `(${center}, ${width}, "${voi}")`;
}
