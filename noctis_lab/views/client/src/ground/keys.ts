/** Which modifiers make another command of a key, and which a keyboard needs to type it. Pure. */

type Pressed = Pick<KeyboardEvent, "key" | "altKey" | "ctrlKey" | "metaKey" | "getModifierState">;

const LETTER_OR_DIGIT = /^[\p{L}\p{N}\s]$/u;

const isMac = (): boolean => typeof navigator !== "undefined" && /^(Mac|iP)/.test(navigator.platform);

/**
 * Whether a modifier is held that makes another command of a key: the browser's, or the system's.
 *
 * Many keyboards have [ ] { } on AltGr (which Windows tells as Ctrl and Alt), those of a Mac on Option: a sign that is typed so is the sign.
 */
export function isCommand(event: Pressed, onMac = isMac()): boolean {
  const { key, altKey, ctrlKey, metaKey } = event;
  if (metaKey || !(altKey || ctrlKey)) return metaKey;
  const isSign = key.length === 1 && !LETTER_OR_DIGIT.test(key);
  return !(isSign && (event.getModifierState("AltGraph") || (onMac && !ctrlKey)));
}
