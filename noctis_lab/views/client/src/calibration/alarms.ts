/** New alarms while a page is open: by the archive's stream of events. */

const STREAM = "/api/v1/dicom/notifications/stream";
/** The events' name for a scan that passed a limit for the first time. */
export const ALARM = "hu-alarm";

interface Told {
  scanner?: string;
  words?: string;
}

/** Return where an alarm is to be looked at. Pure. */
export const placeOf = (scanner: string | undefined): string => (scanner ? `/calibration?scanner=${encodeURIComponent(scanner)}` : "/calibration");

/** Call back with an alarm's words and its page; returns how to stop. */
export function followAlarms(run: (words: string, href: string) => void): () => void {
  const source = new EventSource(STREAM);
  source.addEventListener(ALARM, (event) => {
    const { scanner, words = "A scanner passed a control limit" } = JSON.parse((event as MessageEvent<string>).data) as Told;
    run(scanner ? `${scanner}: ${words}` : words, placeOf(scanner));
  });
  return () => source.close();
}
