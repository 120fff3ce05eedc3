/** What can lie over a series' images, as the archive says it, and where its labels come from. */
import type { StackDescription } from "../ground/transport";

export interface ShownSegment {
  number: number;
  label: string;
  /** "#rrggbb" */
  color: string;
  meaning?: string | null;
}

/** As `volumes/coloured/description.py` says it. */
export interface OverlayDescription {
  overlay: string;
  kind: "BINARY" | "FRACTIONAL" | "LABELMAP" | "OVERLAY" | "MASK" | "SEG";
  name: string;
  /** Label k is the k-th of them, from 1. */
  segments: ShownSegment[];
  /** Why it is not shown. */
  refusal: string | null;
  /** What there is to know of how it lies there. */
  note: string | null;
  revision: string;
}

/** A transport that knows of overlays. */
export interface OverlaySource {
  overlays(stack: StackDescription, signal?: AbortSignal): Promise<OverlayDescription[]>;
  /** Labels over images first … first + count − 1, one after the other. */
  labels(stack: StackDescription, overlay: OverlayDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer>;
}

export const isSource = (transport: object): transport is OverlaySource => "overlays" in transport && "labels" in transport;
