/** The worklist's state as text: in the address's fragment, which no server and no log sees. */
import { beginningOf, pythonText } from "../ground/python";
import type { Query } from "./api";

export const DEFAULT_SORT = "-last_received_at";

export const EMPTY_QUERY: Query = {
  text: "", filters: { modalities: [], facilities: [], received_days: null }, sort: DEFAULT_SORT,
};

/** Write a query as an address's fragment, without the mark; what is default is left out. */
export function toFragment(query: Query): string {
  const words = new URLSearchParams();
  if (query.text) words.set("q", query.text);
  for (const modality of query.filters.modalities) words.append("modality", modality);
  for (const facility of query.filters.facilities) words.append("facility", facility);
  if (query.filters.received_days !== null) words.set("days", String(query.filters.received_days));
  if (query.sort !== DEFAULT_SORT) words.set("sort", query.sort);
  return words.toString();
}

/** Read a fragment that `toFragment`, or a person, wrote. */
export function fromFragment(fragment: string): Query {
  const words = new URLSearchParams(fragment.replace(/^#/, ""));
  const days = Number(words.get("days"));
  const sort = words.get("sort") ?? DEFAULT_SORT;
  return {
    text: (words.get("q") ?? "").slice(0, 200),
    filters: {
      modalities: words.getAll("modality").slice(0, 32),
      facilities: words.getAll("facility").slice(0, 64),
      received_days: Number.isInteger(days) && days >= 1 && days <= 36_500 ? days : null,
    },
    sort: /^-?[A-Za-z_]{1,63}$/.test(sort) ? sort : DEFAULT_SORT,
  };
}

/** Return the sort that a click on a column's head asks for: up, then down. */
export function nextSort(current: string, column: string): string {
  return current === column ? `-${column}` : column;
}

/** Return whether a query asks for anything but the default. */
export function isNarrowed(query: Query): boolean {
  const { modalities, facilities, received_days } = query.filters;
  return query.text !== "" || modalities.length > 0 || facilities.length > 0 || received_days !== null;
}

/** Write the options by which a command means this archive, with a space before them. */
export const rootOptionOf = (root: string | null): string =>
  root === null ? "" : ` --root ${/^[\w@%+=:,./-]+$/.test(root) ? root : `'${root.replaceAll("'", "'\\''")}'`}`;

/** Write the Python that gives the same rows. */
export function pythonOf(sql: string, root: string | null): string {
  return `${beginningOf(root)}studies = lab.sql("""\n${sql.replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"')}\n""").df()\n`;
}

/** Write the Python that opens one series. */
export function pythonOfSeries(studyUID: string, seriesUID: string, root: string | null): string {
  return `${beginningOf(root)}values = lab.series(StudyInstanceUID=${pythonText(studyUID)}, SeriesInstanceUID=${pythonText(seriesUID)}).one().load()\n`;
}
