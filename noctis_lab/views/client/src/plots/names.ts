/** What may be plotted beside the images; Python's `state.PLOTS`. */
export type PlotName = "slice-histogram" | "volume-histogram" | "profile" | "curve";

/** In the order in which they stand side by side. */
export const PLOTS: readonly { name: PlotName; label: string; title: string }[] = [
  { name: "slice-histogram", label: "Slice", title: "Histogram of the image in view" },
  { name: "volume-histogram", label: "Volume", title: "Histogram of the whole volume" },
  { name: "profile", label: "Profile", title: "Values along a profile line" },
  { name: "curve", label: "Curve", title: "A region along time, echoes or b-values" },
];

export const isPlot = (name: unknown): name is PlotName => PLOTS.some((plot) => plot.name === name);

export const isHistogram = (name: PlotName | ""): boolean => name.endsWith("histogram");
