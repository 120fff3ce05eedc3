/** Where measurements are kept: the archive's API, with the same origin's session. */
import { request } from "../ground/transport";
import type { Measurement } from "./shapes";
import type { MeasurementSource } from "./store";

/** HTTP: the routes under `/api/v1/measurements`. */
export class HttpMeasurements implements MeasurementSource {
  constructor(readonly base = "/api/v1/measurements") {}

  async list(StudyInstanceUID: string, SeriesInstanceUID: string, signal?: AbortSignal): Promise<Measurement[]> {
    const where = new URLSearchParams({ study: StudyInstanceUID, series: SeriesInstanceUID });
    return (await (await request(`${this.base}?${where}`, { ...(signal ? { signal } : {}) })).json()) as Measurement[];
  }

  async save(measurement: Measurement): Promise<Measurement> {
    const answer = await request(this.#path(measurement), {
      method: "PUT", headers: { "Content-Type": "application/json", "X-Noctis": "1" }, body: JSON.stringify(measurement),
    });
    return (await answer.json()) as Measurement;
  }

  async remove(measurement: Measurement): Promise<void> {
    await request(this.#path(measurement), { method: "DELETE", headers: { "X-Noctis": "1" } });
  }

  #path({ MeasurementUID }: Measurement): string {
    return `${this.base}/${encodeURIComponent(MeasurementUID)}`;
  }
}
