/** Measurements as a table: CSV for spreadsheets. Pure. */
import type { Measurement } from "./shapes";

const COLUMNS: readonly (keyof Measurement)[] = [
  "MeasurementUID", "kind", "label", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "frame", "FrameOfReferenceUID",
];
const FIGURES = [
  "length_mm", "length_px", "width_mm", "width_px", "angle_deg", "area_mm2", "area_px2", "perimeter_mm", "perimeter_px",
  "value", "mean", "sd", "min", "max", "median", "count", "excluded", "clipped", "units",
] as const;
const ENDS: readonly (keyof Measurement)[] = ["author", "created_at", "updated_at"];

/** Write one cell; text that a spreadsheet would take for a formula gets an apostrophe. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value.replace(/^[=+\-@\t\r]/, "'$&") : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** "x y z; x y z" */
const points = (found: readonly (readonly number[])[] | null): string | null => found && found.map((point) => point.join(" ")).join("; ");

/** Return measurements as CSV with a head, lines by CR LF (RFC 4180); numbers in full. */
export function csvOf(measurements: readonly Measurement[]): string {
  const head = [...COLUMNS, ...FIGURES, "points_px", "points_mm", ...ENDS];
  const lines = measurements.map((item) => [
    ...COLUMNS.map((name) => item[name]), ...FIGURES.map((name) => item.values[name]), points(item.points_px), points(item.points_mm),
    ...ENDS.map((name) => item[name]),
  ]);
  return [head, ...lines].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}
