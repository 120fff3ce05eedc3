/** Three planes in the page's address: numbers alone, what is as at the beginning left out. Pure. */
import { type MprState, ORTHOGONAL, PLANE_NAMES, type PlaneFrame, type PlaneName } from "./model";
import { boundedSlab, type Projection } from "./slab";
import { orthonormal, type Vector } from "./vectors";

const LETTERS: Record<Projection, string> = { max: "m", min: "n", mean: "a" };
const NUMBER = /^-?\d{1,17}(\.\d{1,17})?(e[+-]?\d{1,3})?$/;
const LARGEST_MM = 1e6;

const short = (value: number): string => String(Number(value.toPrecision(8)));
const isSame = (a: Vector, b: Vector): boolean => a.every((part, i) => part === b[i]);

function encodePlane(name: PlaneName, { right, down, slab_mm, projection }: PlaneFrame): string {
  const lie = isSame(right, ORTHOGONAL[name].right) && isSame(down, ORTHOGONAL[name].down) ? "" : [...right, ...down].map(short).join(":");
  const slab = slab_mm > 0 ? `${LETTERS[projection]}${short(slab_mm)}` : "";
  return lie === "" && slab === "" ? "" : `${lie}:${slab}`;
}

/** Return planes as one value of an address. */
export function encodeMpr({ crosshair_mm, planes, extra_index = 0 }: MprState): string {
  return [crosshair_mm.map(short).join(":"), ...PLANE_NAMES.map((name) => encodePlane(name, planes[name])), ...(extra_index > 0 ? [`e${extra_index}`] : [])].join(",");
}

function readNumbers(texts: readonly string[]): number[] | null {
  const values = texts.map((text) => (NUMBER.test(text) ? Number(text) : NaN));
  return values.every((value) => Number.isFinite(value) && Math.abs(value) <= LARGEST_MM) ? values : null;
}

function decodePlane(name: PlaneName, text: string): PlaneFrame | null {
  const frame: PlaneFrame = { ...ORTHOGONAL[name], slab_mm: 0, projection: "max" };
  if (text === "") return frame;
  const parts = text.split(":");
  const slab = parts.pop() ?? "";
  const lie = parts.join(":") === "" ? [] : readNumbers(parts);
  if (lie === null || (lie.length !== 0 && lie.length !== 6)) return null;
  if (lie.length === 6) {
    const found = orthonormal({ right: lie.slice(0, 3) as unknown as Vector, down: lie.slice(3) as unknown as Vector });
    if (found === null) return null;
    Object.assign(frame, found);
  }
  if (slab === "") return frame;
  const projection = (Object.keys(LETTERS) as Projection[]).find((how) => LETTERS[how] === slab.charAt(0));
  const [slab_mm] = readNumbers([slab.slice(1)]) ?? [];
  if (projection === undefined || slab_mm === undefined || slab_mm <= 0 || boundedSlab(slab_mm) !== slab_mm) return null;
  return { ...frame, slab_mm, projection };
}

/** Return the planes that `encodeMpr` wrote, or null where any part is unsound. */
export function decodeMpr(text: string): MprState | null {
  const [place = "", ...rest] = text.split(",");
  const crosshair = readNumbers(place.split(":"));
  const extra = rest.length > PLANE_NAMES.length ? /^e(\d{1,7})$/.exec(rest.pop() ?? "") : ["", "0"];
  if (crosshair === null || crosshair.length !== 3 || extra === null || rest.length !== PLANE_NAMES.length) return null;
  const planes = PLANE_NAMES.map((name, i) => [name, decodePlane(name, rest[i] as string)] as const);
  if (planes.some(([, frame]) => frame === null)) return null;
  return { crosshair_mm: crosshair as unknown as Vector, planes: Object.fromEntries(planes) as unknown as MprState["planes"], extra_index: Number(extra[1]) };
}
