/** One measurement as client, Python, API and catalogue know it, and what kinds there are. */
import type { IconName } from "../ground/icons";
import type { Point } from "./area";
import type { Histogram } from "./statistics";

export type Kind =
  | "length" | "angle" | "cobb" | "bidirectional" | "ellipse" | "rectangle" | "polygon" | "freehand" | "probe" | "arrow" | "text" | "profile";

/** A place in the patient: LPS, mm. */
export type Place = readonly [number, number, number];

/** The plane of a reformat that a measurement was drawn on. */
export interface Plane {
  origin_mm: Place;
  /** Unit directions on the plane. */
  right: Place;
  down: Place;
  /** (down, right) */
  spacing_mm: readonly [number, number];
  slab_mm: number;
  projection: string;
}

/** Figures by name, each with its unit in the name; statistics are in `units`. */
export interface Values {
  length_mm?: number;
  length_px?: number;
  /** Of a bidirectional measurement: its second line. */
  width_mm?: number;
  width_px?: number;
  angle_deg?: number | null;
  area_mm2?: number;
  area_px2?: number;
  perimeter_mm?: number;
  perimeter_px?: number;
  count?: number;
  /** Voxels of the area that have no value. */
  excluded?: number;
  mean?: number | null;
  sd?: number | null;
  min?: number | null;
  max?: number | null;
  median?: number | null;
  value?: number | null;
  /** The area's voxels do not all lie in the image. */
  clipped?: boolean;
  units?: string | null;
  histogram?: Histogram | null;
  /** Along a profile, with the way from one to the next. */
  samples?: (number | null)[];
  step_mm?: number;
  step_px?: number;
  [name: string]: unknown;
}

export interface Measurement {
  /** uuid4, 32 hexadecimal digits. */
  MeasurementUID: string;
  kind: Kind;
  StudyInstanceUID: string;
  SeriesInstanceUID: string;
  /** The image it was drawn on; null on a reformat. */
  SOPInstanceUID: string | null;
  frame: number | null;
  FrameOfReferenceUID: string | null;
  points_mm: Place[] | null;
  points_px: Point[] | null;
  plane: Plane | null;
  label: string;
  extra_index: number | null;
  values: Values;
  author?: string | null;
  created_at?: string | null;
  updated_at?: string | null;
  deleted_at?: string | null;
}

export const LONGEST_LABEL = 200;
/** Of one polygon or freehand outline. */
export const MOST_POINTS = 2000;

export interface KindFacts {
  kind: Kind;
  name: string;
  icon: IconName;
  /** The key that takes the tool. */
  key: string;
  hint: string;
  /** Points that it takes; null: as many as are set. */
  points: number | null;
  /** Has statistics of the values inside. */
  isArea: boolean;
  /** Has figures of the values that lie there. */
  hasValues: boolean;
  /** Its two points are the corners of a box. */
  isBox: boolean;
}

const facts = (
  kind: Kind, name: string, icon: IconName, key: string, points: number | null, hint: string, isArea = false, hasValues = isArea,
): KindFacts => ({ kind, name, icon, key, points, hint, isArea, hasValues, isBox: isArea && points === 2 });

/** A shape of as many points as are set has at least so many. */
export const FEWEST_CORNERS = 3;

/** In the order of the menu. */
export const KINDS: readonly KindFacts[] = [
  facts("length", "Length", "length", "s", 2, "drag from end to end"),
  facts("angle", "Angle", "angle", "a", 3, "end, vertex, end"),
  facts("cobb", "Cobb angle", "cobb", "o", 4, "two points on each of two lines"),
  facts("bidirectional", "Bidirectional", "bidirectional", "b", 4, "longest diameter, then the one across"),
  facts("ellipse", "Ellipse", "ellipse", "e", 2, "drag from corner to corner", true),
  facts("rectangle", "Rectangle", "square", "q", 2, "drag from corner to corner", true),
  facts("polygon", "Polygon", "polygon", "g", null, "point by point; double click or Enter closes", true),
  facts("freehand", "Freehand", "freehand", "f", null, "drag along the outline", true),
  facts("probe", "Probe", "probe", "p", 1, "the value of one voxel", false, true),
  facts("arrow", "Arrow", "arrow", "w", 2, "drag from the tip to the tail"),
  facts("text", "Text", "text", "t", 1, "click, then type"),
  facts("profile", "Profile line", "profile", "y", 2, "values along a line", false, true),
];

const BY_KIND = new Map(KINDS.map((item) => [item.kind, item]));

/** Return what there is to know of a kind. */
export function factsOf(kind: Kind): KindFacts {
  return BY_KIND.get(kind) as KindFacts;
}

/** Return a new MeasurementUID: uuid4, also where the page is plain http and `randomUUID` is missing. */
export function newUID(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
