/** Small pieces that the worklist's parts share. */
import { type Badge, badgeIcon, moreOf } from "../ground/badges";
import { copyText } from "../ground/clipboard";
import { el } from "../ground/dom";
import { icon, type IconName } from "../ground/icons";
import type { Source } from "./api";

const SAID_MS = 2000;

/** A badge; the sentence behind it is its tooltip and its text for screen readers. */
export function badgeOf(badge: Badge): HTMLElement {
  return el("span", { class: `badge ${badge.kind}`, title: badge.sentence },
    badgeIcon(badge), el("span", {}, badge.text));
}

/** A badge that tells its sentence on a click too: hovering is never the only way. */
export function tellingBadgeOf(badge: Badge): HTMLElement {
  const sentence = el("div", { class: "pop why", popover: "auto", role: "note" }, el("div", { class: "m" }, badge.text), el("p", { class: "t2" }, badge.sentence), moreOf(badge));
  const button = el("button", {
    type: "button", class: `badge ${badge.kind}`, tabindex: "-1", title: badge.sentence,
    click: (event: Event) => {
      event.stopPropagation();
      const { left, bottom } = button.getBoundingClientRect();
      sentence.style.left = `${left}px`;
      sentence.style.top = `${bottom + 4}px`;
      sentence.togglePopover();
    },
  }, badgeIcon(badge), el("span", {}, badge.text));
  return el("span", { class: "row" }, button, sentence);
}

export function modalityTag(modality: string): HTMLElement {
  return el("span", { class: "mod" }, modality);
}

/** A series' picture, asked for only when it comes near the screen; a word where there is none. */
export function thumbnailOf(source: Source, studyUID: string, seriesUID: string | null, size: number): HTMLElement {
  const empty = (): HTMLElement => el("span", { class: "nothumb" }, icon("document", size > 60 ? "" : "s"));
  if (seriesUID === null) return empty();
  const image = el("img", {
    alt: "", loading: "lazy", decoding: "async", width: size, height: size, draggable: "false",
  });
  image.addEventListener("error", () => image.replaceWith(empty()), { once: true });
  source.picture(image, studyUID, seriesUID);
  return image;
}

/** A button that copies and says so for a moment: by its picture, its words (shown then also where room is scarce), its name. */
export function copyButton(label: string, textOf: () => string, attributes: Record<string, string> = {}, picture: IconName = "copy"): HTMLButtonElement {
  const words = el("span", { class: "lbl" }, label);
  const button = el("button", { type: "button", "aria-label": label, title: label, ...attributes }, icon(picture, "s"), words);
  const say = (said: string, shape: IconName): void => {
    words.textContent = said;
    button.firstElementChild?.replaceWith(icon(shape, "s"));
    button.title = said;
    button.setAttribute("aria-label", said);
  };
  let timer = 0;
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    void copyText(textOf()).then((isCopied) => {
      say(isCopied ? "Copied" : "This browser allows no copying here", isCopied ? "check" : "warn");
      button.classList.add("said");
      clearTimeout(timer);
      timer = window.setTimeout(() => {
        say(label, picture);
        button.classList.remove("said");
      }, SAID_MS);
    });
  });
  return button;
}

export function key(text: string): HTMLElement {
  return el("span", { class: "kbd" }, text);
}

/** A command to copy; its lines break between words alone: a part of an option is none. */
export function lineOf(code: string): HTMLElement {
  const words = code.split(" ").flatMap((word, i) => [i === 0 ? "" : " ", el("span", { class: "word" }, word)]);
  return el("div", { class: "cmd" }, el("code", {}, ...words), copyButton("Copy", () => code, { class: "ib s" }));
}

/** One way to fill an empty archive. */
export function cardOf(name: IconName, title: string, text: string, ...parts: HTMLElement[]): HTMLElement {
  return el("section", { class: "way" }, el("h2", { class: "row g2 m" }, icon(name), title), el("p", { class: "t2" }, text), ...parts);
}
