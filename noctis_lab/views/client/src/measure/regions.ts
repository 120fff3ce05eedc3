/** Regions of an analysis that may be put elsewhere: circles that are held and moved as measurements are, and that nobody keeps here. */
import { formatNumber } from "../ground/numbers";
import type { ImagePlane, PlaneGeometry, Vector } from "../ground/plane";
import type { Point } from "./area";
import { circleOn, liesOn, type Mark } from "./marks";
import { measuredOn, placedOn } from "./seen";
import type { Measurement } from "./shapes";

/** Where somebody put the regions of a name; with a way back to where they were found. */
export interface PutRegion {
  name: string;
  /** Patient LPS, mm; null: they are back where they were found. */
  centre_mm: Vector | null;
  radius_mm: number;
  putBack(): void;
}

/** By which a page hears of it; its detail is a `PutRegion`. */
export const REGION_EVENT = "noctis-region";

/** What an analysis takes, mm. */
const [LEAST_RADIUS_MM, MOST_RADIUS_MM] = [1, 100];
const UID = "region ";

/** Whether a shape is such a region, and no measurement. Pure. */
export const isRegion = ({ MeasurementUID }: Measurement): boolean => MeasurementUID.startsWith(UID);

const middleOf = ([[x0, y0], [x1, y1]]: readonly [Point, Point]): Point => [(x0 + x1) / 2, (y0 + y1) / 2];

/** Return the box of a circle that was moved as a whole, or about its middle to where one side was put. Pure. */
export function roundBox(before: readonly Point[], moved: readonly Point[], isWhole: boolean, { spacing_mm: [dy, dx] }: Pick<PlaneGeometry, "spacing_mm">): Point[] {
  if (isWhole || before.length !== 2) return [...moved];
  const [column, row] = middleOf(before as [Point, Point]);
  const [[x0, y0], [x1, y1]] = moved as [Point, Point];
  const radius = ((before[1] as Point)[0] - column) * dx;
  const sides = [(column - x0) * dx, (x1 - column) * dx, (row - y0) * dy, (y1 - row) * dy];
  const farthest = sides.reduce((best, side) => (Math.abs(side - radius) > Math.abs(best - radius) ? side : best), radius);
  const put = Math.min(Math.max(Math.abs(farthest), LEAST_RADIUS_MM), MOST_RADIUS_MM);
  return [[column - put / dx, row - put / dy], [column + put / dx, row + put / dy]];
}

export class Regions {
  #found: readonly Mark[] = [];
  /** Those that were moved, by their places in `#found`. */
  readonly #put = new Map<number, Mark>();
  /** As they were shown last: what is selected stays the same shape. */
  readonly #shapes = new Map<string, Measurement>();

  constructor(readonly onPut: (region: PutRegion) => void) {}

  /** Show these; what was moved stays where it was put. */
  show(marks: readonly Mark[]): void {
    this.#found = marks;
    for (const [place, mark] of this.#put) if (marks[place]?.name !== mark.name) this.#put.delete(place);
    this.#shapes.clear();
  }

  /** Those that are drawn on a plane, and not held there: of a reformat all. */
  fixedOn({ SOPInstanceUID }: ImagePlane): Mark[] {
    return this.#marks().filter(({ name }) => SOPInstanceUID === null || !name);
  }

  /** Those that may be held on a plane, as shapes. */
  on(plane: ImagePlane, StudyInstanceUID: string): Measurement[] {
    const { geometry, SOPInstanceUID, frame } = plane;
    if (geometry === null || SOPInstanceUID === null) return [];
    return this.#marks().flatMap((mark, place) => {
      if (!mark.name || !liesOn(mark, plane)) return [];
      const uid = UID + String(place);
      const known = this.#shapes.get(uid);
      if (known?.SOPInstanceUID === SOPInstanceUID && known.frame === frame) return [known];
      const points = circleOn(mark, geometry);
      const shape: Measurement = {
        MeasurementUID: uid, kind: "ellipse", StudyInstanceUID, SeriesInstanceUID: plane.SeriesInstanceUID, FrameOfReferenceUID: plane.FrameOfReferenceUID,
        ...placedOn(points, plane), label: mark.title, extra_index: plane.extra_index ?? null, values: this.#put.has(place) ? measuredOn("ellipse", points, plane) : {},
      };
      this.#shapes.set(uid, shape);
      return [shape];
    });
  }

  find(uid: string | null): Measurement | null {
    return this.#shapes.get(uid ?? "") ?? null;
  }

  /** What is written at one: its recorded figure; of one that is moved the mean of what lies in it now. */
  wordsOf({ MeasurementUID, values }: Measurement): readonly string[] {
    const { mean } = values;
    return typeof mean === "number" ? [formatNumber(mean, 1, { fixed: true })] : (this.#found[placeOf(MeasurementUID)]?.lines ?? []);
  }

  isAbove({ MeasurementUID }: Measurement): boolean {
    return this.#found[placeOf(MeasurementUID)]?.isAbove ?? false;
  }

  /** Keep one where it was moved to; all of its name go there, as they are measured at one place. */
  put(before: Measurement, after: Measurement, geometry: PlaneGeometry): void {
    const mark = this.#marks()[placeOf(after.MeasurementUID)];
    if (mark?.name === undefined || before.points_px === null || after.points_px === null) return;
    const [old, box] = [before.points_px, after.points_px] as unknown as [[Point, Point], [Point, Point]];
    const [from, to] = [middleOf(old), middleOf(box)];
    const { right, down, spacing_mm: [dy, dx] } = geometry;
    const centre_mm = mark.centre_mm.map((part, i) => part + (right[i] as number) * dx * (to[0] - from[0]) + (down[i] as number) * dy * (to[1] - from[1])) as Vector;
    const radius_mm = ((box[1][0] - box[0][0]) / 2) * dx;
    this.#found.forEach((found, place) => {
      if (found.name === mark.name) this.#put.set(place, { ...found, centre_mm, radius_mm });
    });
    this.#shapes.clear();
    this.#tell(mark.name, centre_mm, radius_mm);
  }

  /** Put those of a shape's name back to where they were found. */
  putBack({ MeasurementUID }: Measurement): void {
    const name = this.#found[placeOf(MeasurementUID)]?.name;
    if (name !== undefined) this.#back(name);
  }

  #back(name: string): void {
    for (const [place, mark] of this.#put) if (mark.name === name) this.#put.delete(place);
    this.#shapes.clear();
    this.#tell(name, null, 0);
  }

  #tell(name: string, centre_mm: Vector | null, radius_mm: number): void {
    this.onPut({ name, centre_mm, radius_mm, putBack: () => this.#back(name) });
  }

  #marks(): Mark[] {
    return this.#found.map((mark, place) => this.#put.get(place) ?? mark);
  }
}

const placeOf = (uid: string): number => Number(uid.slice(UID.length));
