/** What a view shows, as Python. */
import { beginningOf, pythonText } from "../ground/python";
import type { MprState } from "../mpr/model";
import type { VolumeState } from "../volume3d/state";
import type { PaneState, Window } from "./state";

/** Write the Python that brings a view of an array in memory to the same. */
export function pythonOfArray(state: Readonly<PaneState>, window: Window | null): string {
  return `view.at(${shownBy(state, window).join(", ")})\n`;
}

/** Write the Python that shows the same; `root` names the archive where it is not the usual one, `plane` is a plane's call. */
export function pythonOfView(state: Readonly<PaneState>, window: Window | null, StudyInstanceUID: string | null, root: string | null, plane: string | null = null): string {
  const series = `${beginningOf(root)}${seriesOf(state, StudyInstanceUID)}`;
  if (plane !== null) return `${series}plane = s.load().${plane}\nnl.view(plane).at(${looksBy(state, window).join(", ")})\n`;
  return `${series}s.view().at(${shownBy(state, window).join(", ")})\n`;
}

const shownBy = (state: Readonly<PaneState>, window: Window | null): string[] => [`index=${state.index ?? 0}`, ...looksBy(state, window)];

function looksBy(state: Readonly<PaneState>, window: Window | null): string[] {
  return [
    ...(window ? [`window=${pythonWindow(window)}`] : []), ...(window && state.voi_lut !== null ? [`voi_lut=${state.voi_lut}`] : []),
    ...(state.inverted ? ["inverted=True"] : []), ...(state.colormap === null ? [] : [`colormap=${pythonText(state.colormap)}`]),
  ];
}

/** Write the Python that shows a volume from outside as it is seen; `mpr` says which of several volumes it is. */
export function pythonOfVolume(
  state: Readonly<PaneState>, volume: VolumeState, layout: string, StudyInstanceUID: string | null, root: string | null, mpr: MprState | null = null,
): string {
  const tuple = (values: readonly number[]): string => `(${values.map((value) => Number(value.toPrecision(8)) + 0).join(", ")})`;
  const { mode, preset, shift, level, right, down, zoom, pan_mm, clip_mm, surface } = volume;
  const said = [
    `mode=${pythonText(mode)}`, ...(preset === null ? [] : [`preset=${pythonText(preset)}`]), ...(shift === 0 ? [] : [`shift=${shift}`]), ...(level === null ? [] : [`level=${level}`]),
    `right=${tuple(right)}`, `down=${tuple(down)}`, ...(zoom === 1 ? [] : [`zoom=${zoom}`]), ...(pan_mm.some((part) => part !== 0) ? [`pan_mm=${tuple(pan_mm)}`] : []),
    ...(clip_mm === null ? [] : [`clip_mm=(${clip_mm.map(tuple).join(", ")})`]), ...(surface === null ? [] : [`surface=${pythonText(surface)}`]),
  ];
  const step = mpr?.extra_index ?? 0;
  const [taught, put] = mpr === null || step === 0 ? ["", ""]
    : ["from noctis_lab.views.mpr_state import MprState\n", `view.state.mpr = MprState(crosshair_mm=${tuple(mpr.crosshair_mm)}, extra_index=${step})\n`];
  return `${taught}from noctis_lab.views.volume3d_state import VolumeState\n${beginningOf(root)}${seriesOf(state, StudyInstanceUID)}`
    + `view = s.view(layout=${pythonText(layout)})\n${put}view.state.volume = VolumeState(${said.join(", ")})\nview\n`;
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
