/** An element's size in pixels of the screen, also when it moves to a screen of another density. */
export class CanvasSize {
  width = 0;
  height = 0;
  /** Pixels of the canvas to a CSS pixel of the element, as it was last told. */
  pixelRatio = devicePixelRatio;
  readonly #observer: ResizeObserver;
  readonly #closing = new AbortController();

  /** `onChange` runs before the browser paints: the canvas would be stretched for a frame. */
  constructor(readonly element: HTMLElement, readonly onChange: () => void) {
    this.#observer = new ResizeObserver((entries) => this.#take(entries.at(-1)));
  }

  start(): void {
    try {
      // The content box stays the same on a screen of another density; its device pixels do not.
      this.#observer.observe(this.element, { box: "device-pixel-content-box" });
    } catch {
      this.#observer.observe(this.element); // a browser that does not know that box
      this.#watchDensity();
    }
  }

  close(): void {
    this.#observer.disconnect();
    this.#closing.abort();
  }

  #take(box: ResizeObserverEntry | undefined): void {
    if (box === undefined) return;
    const exact = box.devicePixelContentBoxSize?.[0];
    const width = exact?.inlineSize ?? Math.round(box.contentRect.width * devicePixelRatio);
    const height = exact?.blockSize ?? Math.round(box.contentRect.height * devicePixelRatio);
    if (width === this.width && height === this.height) return;
    [this.width, this.height] = [width, height];
    if (width > 0 && box.contentRect.width > 0) this.pixelRatio = width / box.contentRect.width;
    this.onChange();
  }

  #watchDensity(): void {
    matchMedia(`(resolution: ${devicePixelRatio}dppx)`).addEventListener("change", () => {
      this.#observer.unobserve(this.element);
      this.#observer.observe(this.element); // tells the size anew
      this.#watchDensity();
    }, { once: true, signal: this.#closing.signal });
  }
}
