/** What measuring needs of the viewer around it. */
import type { ImagePlane } from "../ground/plane";
import type { PutRegion } from "./regions";
import type { Kind, Measurement } from "./shapes";

/** A pane, as far as measuring is concerned. */
export interface MeasuredPane {
  /** What stands in the grid, takes the focus, and holds the ink. */
  readonly element: HTMLElement;
  /** What is on the canvas; null while nothing is. */
  plane(): ImagePlane | null;
  focus(): void;
}


export interface MeasuringHost {
  readonly panes: readonly MeasuredPane[];
  /** The active one. */
  readonly pane: MeasuredPane;
  /** The study of a pane's series, or empty where only Python knows it. */
  studyOf(pane: MeasuredPane): string;
  /** How far away the next image of a pane is, mm: what lies no farther is shown as a dot. */
  reachOf(pane: MeasuredPane): number;
  /** Whether a pane's image is white where others are black: ink on it is dark. */
  isOnWhite(pane: MeasuredPane): boolean;
  /** The measuring tool that the left button has, or null. */
  readonly kind: Kind | null;
  /** A pane is drawn over for the first time. */
  onInk(pane: MeasuredPane): void;
  /** Give the left button a measuring tool, or the one that it had before. */
  onTool(kind: Kind | null): void;
  /** Go on so many images in the active pane. */
  onStep(count: number): void;
  /** Show the image that a measurement was drawn on. */
  onJump(measurement: Measurement): void;
  /** Delete a measurement, with a way back. */
  onDelete(measurement: Measurement): void;
  /** A region of an analysis was put elsewhere, or back. */
  onRegion(region: PutRegion): void;
  onSay(words: string): void;
  /** The list, the selection or a figure changed. */
  onMeasured(): void;
}
