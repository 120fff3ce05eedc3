/** "Look around first": the demo into this archive, on a second word, since nothing takes it out again. */
import { el } from "../ground/dom";
import { icon } from "../ground/icons";
import type { Demo, Source } from "./api";
import { cardOf, lineOf } from "./parts";

const LOOK_MS = 1000;
const PATIENCE = 8; // looks, before the worker is asked after

const TEXT = "Synthetic phantoms, made on this machine. Nothing to download.";

export function demoCard(source: Source, mayLoad: boolean): HTMLElement {
  if (!mayLoad) return cardOf("flask", "Look around first", TEXT, lineOf("noctis demo"));
  const place = el("div", { class: "demo" });
  const card = cardOf("flask", "Look around first", TEXT, place);
  const offer = (): void => {
    place.replaceChildren(el("button", { type: "button", class: "btn", click: ask }, icon("play", "s"), "Load the demo"));
  };
  const ask = (): void => {
    const load = el("button", { type: "button", class: "btn s p" }, "Load it here");
    load.addEventListener("click", () => { void follow(source.loadDemo()); });
    place.replaceChildren(
      el("p", { class: "f12 t2" }, "It stays in this archive, in a facility named ", el("b", { class: "m t1" }, "demo"), ". For one to throw away: ", el("code", {}, "noctis demo"), "."),
      el("div", { class: "row g2" }, load, el("button", { type: "button", class: "btn s", click: offer }, "Cancel")));
    load.focus();
  };
  const follow = async (asking: Promise<Demo>): Promise<void> => {
    const words = el("p", { class: "f12 t2", role: "status" }, "Waiting for the worker…");
    place.replaceChildren(words, el("span", { class: "bar moving" }, el("i")));
    try {
      let demo = await asking;
      for (let looks = 0; demo.state === "waiting" || demo.state === "loading"; looks += 1) {
        if (demo.state === "loading") words.textContent = "Making and storing synthetic images…";
        else if (looks > PATIENCE) words.textContent = "No worker has taken it up yet. noctis serve runs one; noctis worker runs it alone.";
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        if (!card.isConnected) return;
        demo = await source.demo();
      }
      if (demo.state === "failed") throw new Error(`It could not be loaded; the worker tries again. ${demo.why ?? ""}`);
      words.textContent = "Loaded.";
    } catch (error) {
      place.replaceChildren(el("p", { class: "f12 bad", role: "alert" }, error instanceof Error ? error.message : "It could not be loaded."),
        el("button", { type: "button", class: "btn s", click: offer }, "Try again"));
    }
  };
  offer();
  return card;
}
