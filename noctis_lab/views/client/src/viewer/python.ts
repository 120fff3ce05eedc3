/** What a view shows, as Python. */
import { beginningOf, pythonText } from "../ground/python";
import type { PaneState, Window } from "./state";

/** Write the Python that shows the same; `root` names the archive where it is not the usual one, `plane` is a plane's call. */
export function pythonOfView(state: Readonly<PaneState>, window: Window | null, StudyInstanceUID: string | null, root: string | null, plane: string | null = null): string {
  const where = [
    ...(StudyInstanceUID ? [`StudyInstanceUID=${pythonText(StudyInstanceUID)}`] : []), `SeriesInstanceUID=${pythonText(state.SeriesInstanceUID)}`,
  ];
  const shown = [`index=${state.index ?? 0}`, ...(window ? [`window=${pythonWindow(window)}`] : []), ...(state.inverted ? ["inverted=True"] : [])];
  return `${beginningOf(root)}s = lab.series(${where.join(", ")}).one()\n${plane === null ? `s.view().at(${shown.join(", ")})` : `s.load().dicom.${plane}`}\n`;
}

/** A window as Python's `at` takes it: the function is said where it is not LINEAR. */
function pythonWindow({ center, width, function: voi }: Window): string {
  return voi === "LINEAR" ? `(${center}, ${width})` : `(${center}, ${width}, "${voi}")`;
}
