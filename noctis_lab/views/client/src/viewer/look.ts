/** How a stack's values become colours: window or table, colour map, inversion. Pure. */
import type { StackDescription } from "../ground/transport";
import { type Colormap, isGrey, pixelsOf, usualColormap } from "./colormaps";
import type { Look } from "./renderer";
import type { PaneState } from "./state";
import { isLeastWhite, rampOf, tablesOf } from "./windowing";

/** A look, and what the stage has to say of it. */
export interface StackLook extends Look {
  colormap: Colormap;
  /** The map is turned round. */
  isReversed: boolean;
  /** The least value is white. */
  isWhite: boolean;
  /** Of the table that stands for the window. */
  tableName: string | null;
}

type Stack = Pick<StackDescription, "modality" | "windows" | "photometric_interpretation">;
type Told = Pick<PaneState, "window" | "voi_lut" | "inverted" | "colormap">;

/** Return the map in use: the one chosen, or the usual one of the modality. */
export const colormapOf = (stack: Pick<StackDescription, "modality">, { colormap }: Pick<PaneState, "colormap">): Colormap =>
  colormap ?? usualColormap(stack.modality);

/** Return how a pane's state shows its stack. */
export function lookOf(stack: Stack, told: Told): StackLook {
  const { window, voi_lut } = told;
  const isReversed = isLeastWhite(stack, told.inverted);
  const colormap = colormapOf(stack, told);
  const table = voi_lut === null ? null : (tablesOf(stack.windows)[voi_lut] ?? null);
  return {
    ramp: window === null ? { gain: 1, offset: 0, isSigmoid: false } : rampOf(window), inverted: isReversed, table, colormap, isReversed,
    colours: pixelsOf(colormap, isReversed), isWhite: isGrey(colormap) && isReversed !== (colormap === "grey_inverted"),
    tableName: table === null ? null : (stack.windows.filter((stated) => stated.table)[voi_lut ?? 0]?.name ?? null),
  };
}
