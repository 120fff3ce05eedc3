/** What the worklist asks of the archive, over HTTP, same origin; names travel in bodies only. */
import { ALARM, type Alarm } from "../calibration/alarms";
import type { Badge } from "../ground/badges";
import { type Connection, followHappenings } from "../ground/happenings";
import { request } from "../ground/transport";

export interface Study {
  StudyInstanceUID: string;
  PatientID: string | null;
  PatientName: string | null;
  StudyDate: string | null;
  StudyDescription: string | null;
  modalities: string[];
  facilities: string[];
  series_count: number;
  instance_count: number;
  last_received_at: string;
  is_dirty: boolean;
  badges: Badge[];
  thumbnail_series: string | null;
}

export interface Series {
  SeriesInstanceUID: string;
  StudyInstanceUID: string;
  Modality: string | null;
  SeriesNumber: number | null;
  SeriesDescription: string | null;
  instance_count: number;
  image_count: number;
  is_dirty: boolean;
  last_received_at: string;
  badges: Badge[];
}

export interface Filters {
  modalities: string[];
  facilities: string[];
  received_days: number | null;
}

export interface Query {
  text: string;
  filters: Filters;
  sort: string;
}

export interface SearchAnswer {
  total: number;
  offset: number;
  elapsed_ms: number;
  sql: string;
  now: string;
  quiet_s: number;
  studies: Study[];
}

export interface Facets {
  modalities: Record<string, number>;
  facilities: Record<string, number>;
}

export interface UnknownSender {
  aet: string;
  address: string;
  attempts: number;
  last_at: string;
}

export interface Senders {
  unknown: UnknownSender[];
  facilities: string[];
}

export interface Status {
  receiver: { aet: string; host: string; port: number; reached_at: string[]; listening: boolean };
  studies: number;
  series: number | null;
  instances: number | null;
  stored_bytes: number | null;
  free_bytes: number;
  /** The archive's folder where commands and code have to name it; null for the usual one, and for others' eyes. */
  root: string | null;
}

/** What happened, as the archive says it. */
export interface Happening {
  kind: string;
  StudyInstanceUID: string | null;
  SeriesInstanceUID: string | null;
  instance_count: number;
  /** Of a scanner that passed a limit. */
  alarm?: Alarm;
}

/** Bytes that are kept aside, as a row of the admin corner. */
export interface Kept {
  quarantine_id: string;
  kind: "conflict" | "rejected";
  reason: string;
  SOPInstanceUID: string | null;
  StudyInstanceUID: string | null;
  size_bytes: number;
  source: "scp" | "folder" | "upload" | "stow";
  calling_aet: string;
  facility: string;
  received_at: string;
}

export interface Quarantine {
  total: number;
  rows: Kept[];
}

/** More of one: what differs, and what accepting it would do. */
export interface KeptDetail extends Kept {
  differences: string[];
  can_accept: boolean;
  accept_means: string;
}

export type FindingState = "pass" | "warn" | "fail" | "unknown";

/** One thing that the doctor looked at. */
export interface Finding {
  name: string;
  state: FindingState;
  text: string;
  remedy: string | null;
}

/** Where the demo stands, in this archive. */
export interface Demo {
  state: "absent" | "waiting" | "loading" | "loaded" | "failed";
  why: string | null;
}

const BASE = "/api/v1/dicom";
const KINDS = [
  "instance-stored", "instance-conflict", "instance-rejected", "sender-refused",
  "series-summarised", "series-flushed", "child-restarted", "quarantine-settled", "missed",
];

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await request(BASE + path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Noctis": "1" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
  return (await response.json()) as T;
}

async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request(BASE + path, signal ? { signal } : {})).json()) as T;
}

/** Where the worklist learns what it shows: the API where it is served, the component's channel elsewhere. */
export interface Source {
  search(query: Query, offset: number, limit: number, signal?: AbortSignal): Promise<SearchAnswer>;
  facets(query: Query, signal?: AbortSignal): Promise<Facets>;
  series(studyUID: string, signal?: AbortSignal): Promise<Series[]>;
  status(): Promise<Status>;
  /** Show a series' picture in an image; it fails as images fail. */
  picture(image: HTMLImageElement, studyUID: string, seriesUID: string): void;
  senders(): Promise<Senders>;
  approve(aet: string, address: string, facility: string): Promise<Senders>;
  block(aet: string, address: string): Promise<Senders>;
  quarantine(): Promise<Quarantine>;
  kept(id: string): Promise<KeptDetail>;
  settle(id: string, how: "accept" | "discard"): Promise<Quarantine>;
  health(): Promise<Finding[]>;
  demo(): Promise<Demo>;
  loadDemo(): Promise<Demo>;
  /** Follow what happens; the function returned ends it. */
  follow(happened: (what: Happening) => void, connected: (how: Connection) => void): () => void;
}

export class HttpSource implements Source {
  search(query: Query, offset: number, limit: number, signal?: AbortSignal): Promise<SearchAnswer> {
    return post("/studies/search", { ...query, offset, limit }, signal);
  }

  facets(query: Query, signal?: AbortSignal): Promise<Facets> {
    return post("/studies/facets", { text: query.text, filters: query.filters }, signal);
  }

  series(studyUID: string, signal?: AbortSignal): Promise<Series[]> {
    return read(`/studies/${encodeURIComponent(studyUID)}/series`, signal);
  }

  status(): Promise<Status> {
    return read("/status");
  }

  picture(image: HTMLImageElement, studyUID: string, seriesUID: string): void {
    image.src = `${BASE}/studies/${encodeURIComponent(studyUID)}/series/${encodeURIComponent(seriesUID)}/thumbnail`;
  }

  senders(): Promise<Senders> {
    return read("/senders");
  }

  approve(aet: string, address: string, facility: string): Promise<Senders> {
    return post("/senders/approve", { aet, address, facility });
  }

  block(aet: string, address: string): Promise<Senders> {
    return post("/senders/block", { aet, address });
  }

  quarantine(): Promise<Quarantine> {
    return read("/quarantine?offset=0&limit=50");
  }

  kept(id: string): Promise<KeptDetail> {
    return read(`/quarantine/${encodeURIComponent(id)}`);
  }

  settle(id: string, how: "accept" | "discard"): Promise<Quarantine> {
    return post(`/quarantine/${encodeURIComponent(id)}/${how}`, {});
  }

  async health(): Promise<Finding[]> {
    return (await read<{ findings: Finding[] }>("/health")).findings;
  }

  demo(): Promise<Demo> {
    return read("/demo");
  }

  loadDemo(): Promise<Demo> {
    return post("/demo", {});
  }

  follow(happened: (what: Happening) => void, connected: (how: Connection) => void): () => void {
    return followHappenings([...KINDS, ALARM], (kind, said) => {
      if (kind === ALARM) {
        happened({ kind, StudyInstanceUID: null, SeriesInstanceUID: null, instance_count: 0, alarm: said as Alarm });
        return;
      }
      const { StudyInstanceUID = null, SeriesInstanceUID = null, instance_count = 0 } = said as Partial<Happening>;
      happened({ kind, StudyInstanceUID, SeriesInstanceUID, instance_count });
    }, connected);
  }
}
