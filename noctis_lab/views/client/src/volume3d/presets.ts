/** Colours and opacities of a volume, by name; where a value is drawn how. Pure. */
import type { StackDescription } from "../ground/transport";
import type { Window } from "../viewer/state";

/** A value, the part of light that a millimetre of it stops, and its colour (0 … 1). */
type Point = readonly [value: number, opacity: number, red: number, green: number, blue: number];

export interface VolumePreset {
  /** As Python and addresses name it. */
  name: string;
  label: string;
  /** Values are Hounsfield units, or parts of the window in use: 0 its lower end, 1 its upper. */
  scale: "HU" | "window";
  isShaded: boolean;
  points: readonly Point[];
}

export const VOLUME_PRESETS: readonly VolumePreset[] = [
  {
    name: "ct-bone", label: "CT bone", scale: "HU", isShaded: true,
    points: [[140, 0, 0.5, 0.22, 0.14], [220, 0.06, 0.72, 0.45, 0.3], [320, 0.35, 0.86, 0.74, 0.58], [700, 0.75, 0.95, 0.89, 0.78], [3000, 0.95, 1, 0.98, 0.94]],
  },
  {
    name: "ct-soft-tissue", label: "CT soft tissue", scale: "HU", isShaded: true,
    points: [[-160, 0, 0.5, 0.3, 0.2], [-60, 0.02, 0.8, 0.62, 0.42], [0, 0.03, 0.72, 0.36, 0.28], [50, 0.16, 0.82, 0.42, 0.33], [120, 0.28, 0.88, 0.55, 0.42], [300, 0.55, 0.93, 0.84, 0.7], [1500, 0.9, 1, 0.97, 0.92]],
  },
  {
    name: "ct-lung", label: "CT lung", scale: "HU", isShaded: true,
    points: [[-1000, 0, 0.3, 0.4, 0.5], [-900, 0, 0.42, 0.56, 0.7], [-820, 0.012, 0.55, 0.7, 0.82], [-650, 0.02, 0.72, 0.8, 0.86], [-480, 0, 0.8, 0.8, 0.8], [-400, 0, 0.8, 0.5, 0.4]],
  },
  {
    name: "ct-angio", label: "CT angio", scale: "HU", isShaded: true,
    points: [[130, 0, 0.55, 0.08, 0.05], [190, 0.12, 0.78, 0.16, 0.11], [280, 0.5, 0.9, 0.38, 0.26], [420, 0.65, 0.95, 0.72, 0.55], [800, 0.85, 0.98, 0.93, 0.84], [3000, 0.95, 1, 0.99, 0.96]],
  },
  {
    name: "ct-skin", label: "CT skin", scale: "HU", isShaded: true,
    points: [[-500, 0, 0.7, 0.46, 0.34], [-300, 0.35, 0.8, 0.57, 0.44], [-100, 0.8, 0.86, 0.65, 0.52], [3000, 0.95, 0.92, 0.75, 0.62]],
  },
  {
    name: "mr-default", label: "MR default", scale: "window", isShaded: true,
    points: [[0.12, 0, 0.3, 0.26, 0.26], [0.3, 0.04, 0.52, 0.4, 0.36], [0.55, 0.2, 0.78, 0.64, 0.54], [0.8, 0.45, 0.93, 0.85, 0.74], [1.1, 0.8, 1, 0.98, 0.94]],
  },
  {
    name: "mr-bright", label: "MR bright vessels", scale: "window", isShaded: true,
    points: [[0.5, 0, 0.5, 0.1, 0.08], [0.65, 0.12, 0.8, 0.28, 0.2], [0.85, 0.5, 0.95, 0.6, 0.42], [1.2, 0.9, 1, 0.94, 0.84]],
  },
  {
    name: "hot", label: "Hot spots", scale: "window", isShaded: false,
    points: [[0.05, 0, 0.2, 0, 0], [0.3, 0.02, 0.6, 0.08, 0], [0.6, 0.08, 1, 0.5, 0], [1, 0.3, 1, 1, 0.7]],
  },
];

type Stack = Pick<StackDescription, "units" | "modality">;

/** Return the presets that a series can have: those in Hounsfield units only where its values are. */
export const volumePresetsFor = ({ units }: Pick<Stack, "units">): VolumePreset[] => VOLUME_PRESETS.filter(({ scale }) => scale === "window" || units === "HU");

/** Return a preset by its name; the usual one of the modality where the series has none of that name. */
export function volumePresetOf(stack: Stack, name: string | null): VolumePreset {
  const known = volumePresetsFor(stack);
  const usual = stack.units === "HU" ? "ct-bone" : stack.modality === "PT" || stack.modality === "NM" ? "hot" : "mr-default";
  return known.find((preset) => preset.name === name) ?? (known.find((preset) => preset.name === usual) as VolumePreset);
}

/** Return the level of the usual surface: bone, or what is brighter than the middle of the window. */
export function usualLevel({ units }: Pick<Stack, "units">, window: Pick<Window, "center"> | null): number {
  return units === "HU" ? 300 : (window?.center ?? 0);
}

export const TABLE_SIZE = 1024;

/** A preset over values: entry i stands for the value low + i · (high − low) / (size − 1). */
export interface Transfer {
  low: number;
  high: number;
  isShaded: boolean;
  /** Of a millimetre. */
  opacity: Float32Array;
  /** Three a value, 0 … 255. */
  colour: Float32Array;
  /** How many entries before the ith are not quite clear: what tells a clear range at once. */
  opaqueBefore: Uint32Array;
}

/** Return a preset as a table, moved by a shift; `window` is what relative ones refer to. */
export function transferOf(preset: VolumePreset, shift: number, window: Pick<Window, "center" | "width"> | null): Transfer {
  const { center, width } = window ?? { center: 0.5, width: 1 };
  const valueOf = (value: number): number => (preset.scale === "HU" ? value : center + (value - 0.5) * width) + shift;
  const points = preset.points.map(([value, ...rest]) => [valueOf(value), ...rest] as unknown as Point);
  const [low, high] = [(points[0] as Point)[0], (points.at(-1) as Point)[0]];
  const opacity = new Float32Array(TABLE_SIZE);
  const colour = new Float32Array(TABLE_SIZE * 3);
  const opaqueBefore = new Uint32Array(TABLE_SIZE + 1);
  for (let i = 0, k = 0; i < TABLE_SIZE; i += 1) {
    const value = low + (i * (high - low)) / (TABLE_SIZE - 1);
    while (k < points.length - 2 && value > (points[k + 1] as Point)[0]) k += 1;
    const [a, b] = [points[k] as Point, points[k + 1] as Point];
    const share = Math.min(Math.max((value - a[0]) / (b[0] - a[0]), 0), 1);
    opacity[i] = a[1] + (b[1] - a[1]) * share;
    for (let channel = 0; channel < 3; channel += 1) {
      const [from, to] = [a[channel + 2] as number, b[channel + 2] as number];
      colour[3 * i + channel] = 255 * (from + (to - from) * share);
    }
    opaqueBefore[i + 1] = (opaqueBefore[i] as number) + ((opacity[i] as number) > 1e-4 ? 1 : 0);
  }
  return { low, high, isShaded: preset.isShaded, opacity, colour, opaqueBefore };
}

/** Whether nothing from the lowest to the highest of some values is seen. */
export function isClear({ low, high, opacity, opaqueBefore }: Transfer, least: number, most: number): boolean {
  const gain = (TABLE_SIZE - 1) / (high - low);
  const clamp = (index: number): number => Math.min(Math.max(index, 0), TABLE_SIZE - 1);
  const [first, last] = [clamp(Math.floor((least - low) * gain)), clamp(Math.ceil((most - low) * gain))];
  // Below the table nothing is seen; above it what its end says.
  return most < low || ((opaqueBefore[last + 1] as number) - (opaqueBefore[first] as number) === 0 && (most <= high || (opacity[TABLE_SIZE - 1] as number) <= 1e-4));
}
