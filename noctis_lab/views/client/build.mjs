// Builds what the browser gets, into ../static: the same bytes from the same sources, so that the
// check can compare the committed bundle with a fresh one. No address of another host ends up in it.
import { build } from "esbuild";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm } from "node:fs/promises";

const out = "../static";
const fonts = [
  "inter/files/inter-latin-400-normal.woff2",
  "inter/files/inter-latin-500-normal.woff2",
  "inter/files/inter-latin-600-normal.woff2",
  "ibm-plex-mono/files/ibm-plex-mono-latin-400-normal.woff2",
  "ibm-plex-mono/files/ibm-plex-mono-latin-500-normal.woff2",
];
const sources = {
  viewer: "src/viewer/main.ts",
  plots: "src/plots/main.ts",
  worklist: "src/worklist/main.ts",
  upload: "src/upload/main.ts",
  calibration: "src/calibration/main.ts",
  page: "src/page/page.css",
  shell: "src/page/shell.ts",
  login: "src/page/login.ts",
  theme: "src/page/theme.ts",
};
const entries = Object.fromEntries(Object.entries(sources).filter(([, source]) => existsSync(source)));

await rm(out, { recursive: true, force: true });
await mkdir(`${out}/fonts`, { recursive: true });
for (const font of fonts) {
  await cp(`node_modules/@fontsource/${font}`, `${out}/fonts/${font.split("/").at(-1)}`);
}
for (const name of ["inter", "ibm-plex-mono"]) {
  await cp(`node_modules/@fontsource/${name}/LICENSE`, `${out}/fonts/${name}-LICENSE.txt`);
}

await cp("src/page/icon.svg", `${out}/icon.svg`);

// A stylesheet imported by a script is text: the component adopts it inside its own shadow root.
const cssAsText = {
  name: "css-as-text",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { outputFiles } = await build({ entryPoints: [path], bundle: true, minify: true, write: false });
      return { contents: outputFiles[0].text.trim(), loader: "text" };
    });
  },
};
const common = {
  bundle: true, minify: true, charset: "utf8", target: "es2022", legalComments: "none", logLevel: "warning",
  external: ["./fonts/*"],
};
for (const [name, source] of Object.entries(entries)) {
  const isScript = source.endsWith(".ts");
  await build({
    ...common, entryPoints: { [name]: source }, outdir: out, format: isScript ? "esm" : undefined,
    plugins: isScript ? [cssAsText] : [],
  });
}
for (const file of (await readdir(out)).filter((name) => /\.(js|css)$/.test(name))) {
  const foreign = (await readFile(`${out}/${file}`, "utf8")).match(/(?:https?:)?\/\/[a-z0-9-]+\.[a-z]{2,}/gi) ?? [];
  const others = foreign.filter((address) => !address.includes("www.w3.org"));
  if (others.length > 0) throw new Error(`${file} names another host: ${others.join(", ")}`);
}
