/** Window presets that a reader named, of one modality each: they follow the reader, whichever the browser. */
import { messageOf, request, type WindowFunction } from "../ground/transport";
import { REMOVE, sent } from "../ground/writing";
import { sameWindow, type Window } from "./state";
import { makeWindow } from "./windowing";

export interface OwnPreset {
  name: string;
  modality: string;
  window: Window;
}

/** A preset as the archive keeps it. */
export interface SavedPreset {
  item_id: string;
  name: string;
  Modality: string;
  center: number;
  width: number;
  function: WindowFunction;
}

/** Where presets are kept: over HTTP in a page, over the component's own channel in a cell. */
export interface PresetSource {
  listPresets(): Promise<SavedPreset[]>;
  savePreset(preset: Omit<SavedPreset, "item_id">): Promise<SavedPreset>;
  removePreset(item_id: string): Promise<void>;
}

export const LONGEST_NAME = 40;
/** Of one modality. */
export const MOST_PRESETS = 64;
/** Where browsers kept them before the archive did. */
const KEY = "noctis.window-presets";

type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;
type Kept = OwnPreset & { item_id: string | null };

export class HttpPresets implements PresetSource {
  constructor(readonly base = "/api/v1/window-presets") {}

  async listPresets(): Promise<SavedPreset[]> {
    return (await (await request(this.base)).json()) as SavedPreset[];
  }

  async savePreset(preset: Omit<SavedPreset, "item_id">): Promise<SavedPreset> {
    return (await (await request(this.base, sent("POST", preset))).json()) as SavedPreset;
  }

  async removePreset(item_id: string): Promise<void> {
    await request(`${this.base}/${encodeURIComponent(item_id)}`, REMOVE);
  }
}

/** Return the presets that a browser's text states; what is none of ours is left out. */
export function readPresets(text: string | null): OwnPreset[] {
  let found: unknown = null;
  try {
    found = JSON.parse(text ?? "[]");
  } catch {
    return []; // not written by us
  }
  if (!Array.isArray(found)) return [];
  return found.slice(0, MOST_PRESETS).flatMap((item: unknown) => {
    const { name, modality, window } = (item ?? {}) as { name?: unknown; modality?: unknown; window?: Partial<Window> | null };
    const { center, width, function: voi } = window ?? {};
    const isSound = typeof name === "string" && name !== "" && name.length <= LONGEST_NAME && typeof modality === "string"
      && Number.isFinite(center) && Number.isFinite(width) && (width as number) > 0 && (voi === "LINEAR" || voi === "LINEAR_EXACT" || voi === "SIGMOID");
    return isSound ? [{ name, modality, window: makeWindow(center as number, width as number, voi) }] : [];
  });
}

const sentOf = ({ name, modality, window: { center, width, function: voi } }: OwnPreset): Omit<SavedPreset, "item_id"> => ({ name, Modality: modality, center, width, function: voi });
const keptOf = ({ item_id, name, Modality, center, width, function: voi }: SavedPreset): Kept => ({ item_id, name, modality: Modality, window: makeWindow(center, width, voi) });
const isSame = (a: OwnPreset, b: OwnPreset): boolean => a.name === b.name && a.modality === b.modality;

export class OwnPresets {
  #presets: Kept[] = [];

  /** Without a source they last as long as the view. `shelf`: what this browser kept before is taken over from there, once. */
  constructor(readonly source: PresetSource | null, readonly shelf: Shelf | null, readonly onChange: () => void) {}

  /** Learn what is kept. */
  async load(): Promise<void> {
    const old = readPresets(this.#read());
    try {
      const found = await this.source?.listPresets();
      this.#presets = [...(found ?? []).map(keptOf), ...this.#presets.filter(({ item_id }) => item_id === null)];
    } catch {
      // not to be reached: what this browser kept is all there is, and it keeps it
      this.#presets = old.map((preset) => ({ ...preset, item_id: null }));
      this.onChange();
      return;
    }
    if (old.length > 0) await this.#takeOver(old);
    this.onChange();
  }

  /** Bring what this browser kept to the archive; what that has already stays as it is there. */
  async #takeOver(old: readonly OwnPreset[]): Promise<void> {
    const left: OwnPreset[] = [];
    for (const preset of old) {
      if (this.#presets.some((other) => isSame(other, preset))) continue;
      try {
        this.#presets.push(this.source === null ? { ...preset, item_id: null } : keptOf(await this.source.savePreset(sentOf(preset))));
      } catch {
        left.push(preset); // again at the next visit
        this.#presets.push({ ...preset, item_id: null });
      }
    }
    try {
      if (left.length > 0) this.shelf?.setItem(KEY, JSON.stringify(left));
      else if (this.source !== null) this.shelf?.removeItem(KEY);
    } catch {
      // forbidden: taken over again at the next visit, which changes nothing
    }
  }

  of(modality: string | null): OwnPreset[] {
    return this.#presets.filter((preset) => preset.modality === modality);
  }

  /** Keep a window under a name, in place of one of that name; says in words why not, or null. */
  async save(name: string, modality: string | null, window: Window): Promise<string | null> {
    const trimmed = name.trim();
    if (modality === null) return "The series states no modality to keep a preset for";
    if (trimmed === "" || trimmed.length > LONGEST_NAME) return `A name has 1 to ${LONGEST_NAME} characters`;
    const preset = { name: trimmed, modality, window: { ...window } };
    const others = this.#presets.filter((other) => !isSame(other, preset));
    if (others.filter((other) => other.modality === modality).length >= MOST_PRESETS) return `No more than ${MOST_PRESETS} presets of a modality are kept; delete one first`;
    try {
      const kept = this.source === null ? { ...preset, item_id: null } : keptOf(await this.source.savePreset(sentOf(preset)));
      this.#presets = [...this.#presets.filter((other) => !isSame(other, preset)), kept];
    } catch (error) {
      return messageOf(error);
    }
    this.onChange();
    return null;
  }

  /** Forget one; says in words why not, or null. */
  async remove(name: string, modality: string | null): Promise<string | null> {
    const known = this.#presets.find((preset) => preset.name === name && preset.modality === modality);
    try {
      if (known?.item_id) await this.source?.removePreset(known.item_id);
    } catch (error) {
      return messageOf(error);
    }
    this.#presets = this.#presets.filter((preset) => preset !== known);
    this.onChange();
    return null;
  }

  /** Return the name of a window where it is one of them. */
  nameOf(window: Window, modality: string | null): string | null {
    return this.of(modality).find((preset) => sameWindow(preset.window, window))?.name ?? null;
  }

  #read(): string | null {
    try {
      return this.shelf?.getItem(KEY) ?? null;
    } catch {
      return null;
    }
  }
}

/** Return the browser's shelf, or null where it gives none. */
export function shelfOf(view: { readonly localStorage: Storage }): Storage | null {
  try {
    return view.localStorage;
  } catch {
    return null;
  }
}
