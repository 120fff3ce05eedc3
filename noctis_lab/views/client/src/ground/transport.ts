/** How the client reaches the archive: HTTP where it is served, the component's channel in notebooks. */
import type { Badge } from "./badges";
import type { OverlayDescription } from "../overlay/source";

export type FrameDtype = "uint8" | "int8" | "uint16" | "int16" | "int32" | "uint32" | "float32" | "float64" | "rgb8";

/** One frame, in the order in which it is shown. */
export interface FrameDescription {
  SOPInstanceUID: string;
  /** Index of the frame within its instance, from 0. */
  frame: number;
  rows: number;
  columns: number;
  dtype: FrameDtype;
  /** values = stored · slope + intercept */
  slope: number;
  intercept: number;
  /** Centre of the first voxel: patient LPS, mm. */
  position_mm: [number, number, number] | null;
  /** Distance along the stack's normal, mm. */
  z_mm: number | null;
  /** What `sel(z=…)` of the loaded array takes, mm; of a stack that leans it is another than `z_mm`. */
  z?: number | null;
  InstanceNumber: number | null;
  /** Place along the stack's extra dim. */
  extra_index?: number | null;
}

/** VOILUTFunction: how a window becomes grey levels. */
export type WindowFunction = "LINEAR" | "LINEAR_EXACT" | "SIGMOID";

export interface NamedWindow {
  center: number;
  width: number;
  name: string;
  function: WindowFunction;
  /** A VOI LUT that is a table: grey levels of the values from `first_mapped` on, a byte each, in Base64. */
  table?: { first_mapped: number; greys: string } | null;
  /** Whether the data set proposes it; else it was computed from the pixels. */
  is_stated: boolean;
}

/** What a series is, as `volumes/pixels.describe_stack` says it; no pixels. */
export interface StackDescription {
  SeriesInstanceUID: string;
  /** Changes when a frame comes, goes or moves: places are those of this revision. */
  revision?: string;
  kind: "volume" | "slices";
  /** What there is to say of the series, with the sentence behind it. */
  badges: Badge[];
  units: string | null;
  modality: string | null;
  /** Series of one frame of reference share one patient space. */
  FrameOfReferenceUID?: string | null;
  photometric_interpretation: string;
  /** ImageOrientationPatient: direction along a row, then along a column. */
  orientation: [number, number, number, number, number, number] | null;
  /** (row, column), as in PixelSpacing. */
  pixel_spacing_mm: [number, number] | null;
  /** (row, column): a pixel's proportions where it has no size in the patient; no lengths. */
  pixel_aspect?: [number, number] | null;
  windows: NamedWindow[];
  /** A dim that is none of space: frame i lies at floor(i / planes) along it, at plane i mod planes. */
  extra?: { dim: string; units: string | null; values: (number | string)[]; planes: number } | null;
  /** At which it says it is to be played, images a second. */
  rate_hz?: number | null;
  /** Stored values that are padding: (lowest, highest). */
  padding?: [number, number] | null;
  frames: FrameDescription[];
  corner: { top_left: string[]; top_right: string[]; bottom_right: string[] };
  /** false: an array in a program's memory, of no archive. */
  is_archived?: boolean;
}

/** One element of an instance's header, for people. */
export interface ElementText {
  path: string;
  tag: string;
  VR: string;
  value: string | null;
}

/** One series of the study in view. */
export interface SeriesSummary {
  SeriesInstanceUID: string;
  Modality: string | null;
  SeriesNumber: number | null;
  SeriesDescription: string | null;
  BodyPartExamined?: string | null;
  instance_count: number;
  image_count: number;
  badges?: Badge[];
}

/** The study in view. */
export interface StudySummary {
  StudyInstanceUID: string;
  StudyDate: string | null;
}

/** The seam between the viewer and where its pixels come from. */
export interface Transport {
  stack(seriesUID: string, signal?: AbortSignal): Promise<StackDescription>;
  /** Stored values of frames first … first + count − 1 of a described stack, little endian, back to back. */
  pixels(stack: StackDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer>;
  /** One frame as means of squares, `previewFactor` voxels a side; the same encoding. */
  preview?(stack: StackDescription, index: number, signal?: AbortSignal): Promise<ArrayBuffer>;
  elements(SOPInstanceUID: string, signal?: AbortSignal): Promise<ElementText[]>;
  /** The same for the series of another study, where it can be had from here. */
  ofStudy?(StudyInstanceUID: string): Transport;
}

/** A request that failed, with words for people. */
export class TransportError extends Error {
  constructor(message: string, readonly status: number | null = null) {
    super(message);
    this.name = "TransportError";
  }
}

/** What went wrong, in words for people. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The series has other frames than when it was described: describe it again. */
export const isStale = (error: unknown): boolean => error instanceof TransportError && error.status === 409;

/** Nobody is signed in (any more): another archive may answer at this address by now. */
export const isSignedOut = (error: unknown): boolean => error instanceof TransportError && error.status === 401;

/** The page that signs in, and comes back to what is in view. */
export const signInAddress = (): string =>
  `/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}`;

const REASONS: Record<number, string> = {
  401: "You are signed out. Sign in again, then retry.",
  403: "Your account may not see this.",
  404: "The archive does not have it (any more).",
  429: "Too many requests; wait a moment, then retry.",
  503: "The archive is busy; retry in a moment.",
};

/** Turn a failed answer into words: the server's own, where it says what was expected and what came. */
export async function failureOf(response: Response): Promise<TransportError> {
  let problem: { detail?: unknown; what_to_do?: unknown } = {};
  try {
    problem = ((await response.json()) ?? {}) as typeof problem;
  } catch {
    // not one of ours: a proxy's page, or nothing
  }
  const { detail, what_to_do } = problem;
  if (typeof detail === "string" && typeof what_to_do === "string") return new TransportError(detail, response.status);
  const words = typeof detail === "string" ? detail : REASONS[response.status] ?? "The server could not answer.";
  return new TransportError(`${words} (HTTP ${response.status})`, response.status);
}

/** Fetch from our own origin; failures come as `TransportError`. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new TransportError("The server does not answer. Is it still running?");
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** HTTP, same origin: the routes under `/api/v1/dicom`, for the series of one study. */
export class HttpTransport implements Transport {
  constructor(readonly StudyInstanceUID: string, readonly base = "/api/v1/dicom") {}

  ofStudy(StudyInstanceUID: string): HttpTransport {
    return new HttpTransport(StudyInstanceUID, this.base);
  }

  async stack(seriesUID: string, signal?: AbortSignal): Promise<StackDescription> {
    const path = `${this.#seriesPath(seriesUID)}/stack`;
    return (await (await request(path, { ...(signal ? { signal } : {}) })).json()) as StackDescription;
  }

  async pixels(stack: StackDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    const revision = stack.revision === undefined ? "" : `&revision=${encodeURIComponent(stack.revision)}`;
    const path = `${this.#seriesPath(stack.SeriesInstanceUID)}/pixels?first=${first}&count=${count}${revision}`;
    return (await request(path, { ...(signal ? { signal } : {}) })).arrayBuffer();
  }

  async preview(stack: StackDescription, index: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    const revision = stack.revision === undefined ? "" : `&revision=${encodeURIComponent(stack.revision)}`;
    const path = `${this.#seriesPath(stack.SeriesInstanceUID)}/preview?index=${index}${revision}`;
    return (await request(path, { ...(signal ? { signal } : {}) })).arrayBuffer();
  }

  async overlays(stack: StackDescription, signal?: AbortSignal): Promise<OverlayDescription[]> {
    const path = `${this.#seriesPath(stack.SeriesInstanceUID)}/overlays`;
    return (await (await request(path, { ...(signal ? { signal } : {}) })).json()) as OverlayDescription[];
  }

  async labels(stack: StackDescription, { overlay, revision }: OverlayDescription, first: number, count: number, signal?: AbortSignal): Promise<ArrayBuffer> {
    const path = `${this.#seriesPath(stack.SeriesInstanceUID)}/overlays/${encodeURIComponent(overlay)}?first=${first}&count=${count}&revision=${encodeURIComponent(revision)}`;
    return (await request(path, { ...(signal ? { signal } : {}) })).arrayBuffer();
  }

  async elements(SOPInstanceUID: string, signal?: AbortSignal): Promise<ElementText[]> {
    const path = `${this.base}/image/${encodeURIComponent(SOPInstanceUID)}/metadata`;
    return (await (await request(path, { ...(signal ? { signal } : {}) })).json()) as ElementText[];
  }

  async study(signal?: AbortSignal): Promise<StudySummary> {
    return (await (await request(this.#studyPath(), { ...(signal ? { signal } : {}) })).json()) as StudySummary;
  }

  async series(signal?: AbortSignal): Promise<SeriesSummary[]> {
    return (await (await request(`${this.#studyPath()}/series`, { ...(signal ? { signal } : {}) })).json()) as SeriesSummary[];
  }

  #studyPath(): string {
    return `${this.base}/studies/${encodeURIComponent(this.StudyInstanceUID)}`;
  }

  /** By its study too: two studies may hold a series of the same UID. */
  #seriesPath(seriesUID: string): string {
    return `${this.#studyPath()}/series/${encodeURIComponent(seriesUID)}`;
  }

  thumbnailPath(seriesUID: string): string {
    return `${this.#seriesPath(seriesUID)}/thumbnail`;
  }
}
