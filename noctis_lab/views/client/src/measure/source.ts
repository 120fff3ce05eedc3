/** Where measurements are kept where the archive is served: its API, in the same origin's session. */
import { request } from "../ground/transport";
import type { Measurement } from "./shapes";
import type { MeasurementSource } from "./store";

const HEADERS = { "X-Noctis": "1" };

/** HTTP: a series' `measurements` under the routes of pixels. */
export class HttpMeasurements implements MeasurementSource {
  constructor(readonly base = "/api/v1/dicom") {}

  async list(StudyInstanceUID: string, SeriesInstanceUID: string, signal?: AbortSignal): Promise<Measurement[]> {
    const answer = await request(this.#path({ StudyInstanceUID, SeriesInstanceUID }), { ...(signal ? { signal } : {}) });
    return (await answer.json()) as Measurement[];
  }

  async save(measurement: Measurement): Promise<Measurement> {
    const answer = await request(this.#path(measurement, measurement.MeasurementUID), {
      method: "PUT", headers: { ...HEADERS, "Content-Type": "application/json" }, body: JSON.stringify(measurement),
    });
    return (await answer.json()) as Measurement;
  }

  async remove(measurement: Measurement): Promise<void> {
    await request(this.#path(measurement, measurement.MeasurementUID), { method: "DELETE", headers: HEADERS });
  }

  #path({ StudyInstanceUID, SeriesInstanceUID }: Pick<Measurement, "StudyInstanceUID" | "SeriesInstanceUID">, uid = ""): string {
    const series = `${this.base}/studies/${encodeURIComponent(StudyInstanceUID)}/series/${encodeURIComponent(SeriesInstanceUID)}`;
    return `${series}/measurements${uid === "" ? "" : `/${encodeURIComponent(uid)}`}`;
  }
}
