/** How numbers are written: minus sign U+2212, thin space in thousands, no trailing noise. */

const THIN_SPACE = "\u2009";
const MINUS = "\u2212";

/** Write a number with at most `digits` decimals, trailing zeros dropped unless `fixed`. */
export function formatNumber(value: number, digits = 1, { fixed = false } = {}): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : `${MINUS}∞`;
  let text = Math.abs(value).toFixed(digits);
  if (!fixed && text.includes(".")) text = text.replace(/\.?0+$/, "");
  const isNegative = value < 0 && Number(text) !== 0;
  const [whole = "", decimals] = text.split(".");
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE) : whole;
  return (isNegative ? MINUS : "") + grouped + (decimals === undefined ? "" : `.${decimals}`);
}

/** Write a number of bytes: "5.8 MB", in powers of 1000 as disks and networks count. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${formatNumber(value, unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Write a DICOM date (YYYYMMDD) as ISO; anything else as it came. */
export function formatDate(date: string | null | undefined): string {
  const parts = /^(\d{4})(\d{2})(\d{2})$/.exec(date ?? "");
  return parts ? `${parts[1]}-${parts[2]}-${parts[3]}` : (date ?? "");
}

/** Write a value as precisely as the step that matters: whole numbers where a window is wide. */
export function formatAtScale(value: number, scale: number): string {
  const digits = scale >= 1000 ? 0 : scale >= 100 ? 1 : scale >= 1 ? 2 : Math.min(8, 3 - Math.floor(Math.log10(Math.max(scale, 1e-6))));
  return formatNumber(value, digits);
}
