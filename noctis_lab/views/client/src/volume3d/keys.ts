/** Keys of a volume seen from outside, beyond those of every pane. */
import { isCommand } from "../ground/keys";
import { MODES, SIDES, turnedCamera } from "./state";
import { volumePresetsFor } from "./presets";
import type { VolumeModel } from "./model";

export interface KeyedVolume {
  readonly model: VolumeModel;
  onDone(): void;
  onSay(words: string): void;
}

const TURN = (10 * Math.PI) / 180;

/** What the status line says while nothing is under the pointer. */
export const VOLUME_HINT = "left drag turns · ⇧ drag shifts the preset · wheel zooms";

/** What the help sheet says of them. */
export const VOLUME_KEYS: [keys: string[], words: string][] = [
  [["⇧", "D"], "volume alone, the images again"], [["⇧", "B"], "three planes and the volume"], [["⇧", "← → ↑ ↓"], "turn by 10°"], [["<", ">"], "roll by 10°"], [["o"], "look from the next side"],
  [["m"], "surface, volume, MIP"], [["1", "…", "9"], "presets of the volume"], [["[", "]"], "shift the preset or the threshold"], [["{", "}"], "time, echo or b-value before, after"], [["b"], "clipping box"], [["x"], "camera and box back"],
];

/** Handle a key on a volume; what is not ours goes on to the view. */
export function handleKey(event: KeyboardEvent, pane: KeyedVolume): void {
  if (isCommand(event) || event.target !== event.currentTarget || pane.model.data.volume === null) return;
  const act = event.shiftKey && event.key.startsWith("Arrow") ? TURNS[event.key] : (ACTIONS[event.key] ?? presetAction(event.key));
  if (act === undefined) return;
  act(pane);
  pane.onDone();
  event.preventDefault();
  event.stopPropagation();
}

function presetAction(key: string): ((pane: KeyedVolume) => void) | undefined {
  if (!/^[1-9]$/.test(key)) return undefined;
  return (pane) => {
    const { model } = pane;
    const preset = model.stack && volumePresetsFor(model.stack)[Number(key) - 1];
    if (!preset) return;
    model.set({ preset: preset.name, shift: 0, mode: "volume" });
    pane.onSay(preset.label);
  };
}

const turning = (about: Parameters<typeof turnedCamera>[1]) => ({ model }: KeyedVolume): void => model.set(turnedCamera(model.state, about));

// As if the object were pushed: the right arrow brings its left side to the front.
const TURNS: Record<string, (pane: KeyedVolume) => void> = {
  ArrowRight: turning({ vertical: TURN }), ArrowLeft: turning({ vertical: -TURN }),
  ArrowUp: turning({ horizontal: TURN }), ArrowDown: turning({ horizontal: -TURN }),
};

function nextSide(pane: KeyedVolume): void {
  const { model } = pane;
  const { right, down } = model.state;
  const at = SIDES.findIndex((side) => side.right.every((part, i) => Math.abs(part - (right[i] as number)) < 1e-6) && side.down.every((part, i) => Math.abs(part - (down[i] as number)) < 1e-6));
  const next = SIDES[(at + 1) % SIDES.length];
  if (next === undefined) return;
  model.lookFrom(next.side);
  pane.onSay(`Seen ${next.name}`);
}

function nextMode(pane: KeyedVolume): void {
  const { model } = pane;
  const at = MODES.findIndex(({ mode }) => mode === model.state.mode);
  const next = MODES[(at + 1) % MODES.length];
  if (next === undefined) return;
  model.set({ mode: next.mode });
  pane.onSay(next.name);
}

const shifted = (direction: 1 | -1) => ({ model }: KeyedVolume): void => model.shiftBy((direction * (model.span[1] - model.span[0])) / 100);

const ACTIONS: Record<string, (pane: KeyedVolume) => void> = {
  "<": turning({ sight: -TURN }), ">": turning({ sight: TURN }), "[": shifted(-1), "]": shifted(1), o: nextSide, m: nextMode,
  b: ({ model }) => model.toggleBox(), x: ({ model }) => model.reset(false),
};
