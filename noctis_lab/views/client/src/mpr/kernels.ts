/** The inner loops of a plane: linear between voxels, for a run of pixels between the same two slices. Pure. */
import type { Stored } from "../viewer/renderer";

/** Two neighbouring slices; `above` is never read where t is 0. */
export interface Pair {
  below: Stored;
  above: Stored;
  columns: number;
  rows: number;
}

/** Index of a pixel x of a run: column u + x·du, row v + x·dv, share of the slice above t + x·dt. */
export interface Course {
  u: number;
  du: number;
  v: number;
  dv: number;
  t: number;
  dt: number;
}

const clamped = (value: number, last: number): number => (value < 0 ? 0 : value > last ? last : value);

/** All eight neighbours differ from pixel to pixel. */
export function trilinear(pair: Pair, { u, du, v, dv, t, dt }: Course, first: number, end: number, out: Float32Array, to: number): void {
  const { below, above, columns, rows } = pair;
  const [lastU, lastV] = [columns - 1, rows - 1];
  const [mostU, mostV] = [Math.max(columns - 2, 0), Math.max(rows - 2, 0)];
  const [nextU, nextV] = [columns > 1 ? 1 : 0, rows > 1 ? columns : 0];
  for (let x = first, at = to + first; x < end; x += 1, at += 1) {
    let pu = u + x * du;
    let pv = v + x * dv;
    let pt = t + x * dt;
    pu = pu < 0 ? 0 : pu > lastU ? lastU : pu;
    pv = pv < 0 ? 0 : pv > lastV ? lastV : pv;
    pt = pt < 0 ? 0 : pt > 1 ? 1 : pt;
    let iu = pu | 0;
    let iv = pv | 0;
    if (iu > mostU) iu = mostU;
    if (iv > mostV) iv = mostV;
    pu -= iu;
    pv -= iv;
    const a = iv * columns + iu;
    const b = a + nextV;
    const a0 = below[a] as number;
    const b0 = below[b] as number;
    const a1 = above[a] as number;
    const b1 = above[b] as number;
    const upper0 = a0 + ((below[a + nextU] as number) - a0) * pu;
    const lower0 = b0 + ((below[b + nextU] as number) - b0) * pu;
    const upper1 = a1 + ((above[a + nextU] as number) - a1) * pu;
    const lower1 = b1 + ((above[b + nextU] as number) - b1) * pu;
    const value0 = upper0 + (lower0 - upper0) * pv;
    out[at] = value0 + (upper1 + (lower1 - upper1) * pv - value0) * pt;
  }
}

/** Slices of one row each: bilinear in column and share of the slice above. */
export function bilinearLines(pair: Pair, { u, du, t, dt }: Course, first: number, end: number, out: Float32Array, to: number): void {
  const { below, above, columns } = pair;
  const last = columns - 1;
  const most = Math.max(columns - 2, 0);
  const next = columns > 1 ? 1 : 0;
  for (let x = first, at = to + first; x < end; x += 1, at += 1) {
    let pu = u + x * du;
    let pt = t + x * dt;
    pu = pu < 0 ? 0 : pu > last ? last : pu;
    pt = pt < 0 ? 0 : pt > 1 ? 1 : pt;
    let iu = pu | 0;
    if (iu > most) iu = most;
    pu -= iu;
    const a0 = below[iu] as number;
    const a1 = above[iu] as number;
    const value0 = a0 + ((below[iu + next] as number) - a0) * pu;
    out[at] = value0 + (a1 + ((above[iu + next] as number) - a1) * pu - value0) * pt;
  }
}

let line = new Float64Array(0);

/** Row and share of the slice above stay: mix the (at most four) rows once, then go along them. */
export function alongRow(pair: Pair, { u, du, v, t }: Course, first: number, end: number, out: Float32Array, to: number): void {
  const { below, above, columns, rows } = pair;
  const last = columns - 1;
  const atFirst = clamped(u + first * du, last);
  const atLast = clamped(u + (end - 1) * du, last);
  const low = Math.floor(Math.min(atFirst, atLast));
  const high = Math.min(Math.floor(Math.max(atFirst, atLast)) + 1, last);
  if (line.length < columns) line = new Float64Array(columns);
  const row = clamped(v, rows - 1);
  const iv = Math.min(Math.floor(row), Math.max(rows - 2, 0));
  mix(below, above, iv * columns, rows > 1 ? columns : 0, row - iv, clamped(t, 1), low, high);
  const most = Math.max(high - 1, low);
  const next = high > low ? 1 : 0;
  const mixed = line;
  for (let x = first, at = to + first; x < end; x += 1, at += 1) {
    let pu = u + x * du;
    pu = pu < low ? low : pu > high ? high : pu;
    let iu = pu | 0;
    if (iu > most) iu = most;
    const a = mixed[iu] as number;
    out[at] = a + ((mixed[iu + next] as number) - a) * (pu - iu);
  }
}

function mix(below: Stored, above: Stored, start: number, next: number, share: number, t: number, low: number, high: number): void {
  const mixed = line;
  const a = start;
  const b = start + next;
  if (share === 0 && t === 0) {
    for (let i = low; i <= high; i += 1) mixed[i] = below[a + i] as number;
  } else if (share === 0) {
    for (let i = low; i <= high; i += 1) {
      const value = below[a + i] as number;
      mixed[i] = value + ((above[a + i] as number) - value) * t;
    }
  } else if (t === 0) {
    for (let i = low; i <= high; i += 1) {
      const value = below[a + i] as number;
      mixed[i] = value + ((below[b + i] as number) - value) * share;
    }
  } else {
    for (let i = low; i <= high; i += 1) {
      const a0 = below[a + i] as number;
      const a1 = above[a + i] as number;
      const value0 = a0 + ((below[b + i] as number) - a0) * share;
      mixed[i] = value0 + (a1 + ((above[b + i] as number) - a1) * share - value0) * t;
    }
  }
}
