import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const WEIGHTS = resolve(import.meta.dirname, "../src/tinct/weights");
const OUTPUT = resolve(import.meta.dirname, "../dist/page");
const { models: networks } = JSON.parse(readFileSync(resolve(import.meta.dirname, "src/constants.json"), "utf8")) as { models: object };
/** Files of the networks, named after what is in them: a page that is older than its server never gets others than its own. */
const MODELS = new Map(Object.keys(networks).flatMap((name) => [name, `${name}-hints`]).map((graph) => [graph, modelFile(graph)]));
/** Files of `base`, which are fetched when it is first asked for, and kept then. */
const LATER = [...MODELS.values()].filter((path) => path.startsWith("models/base"));

/** Name a model file as tinct.apps.studio.page does. */
function modelFile(graph: string): string {
  return `models/${graph}-${hashOf(readFileSync(join(WEIGHTS, `${graph}.onnx`)))}.onnx`;
}

function hashOf(...contents: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const content of contents) hash.update(content);
  return hash.digest("hex").slice(0, 16);
}

/** Put the package's own model files beside the page. */
function models(): Plugin {
  return {
    name: "models",
    generateBundle() {
      for (const [graph, fileName] of MODELS) this.emitFile({ type: "asset", fileName, source: readFileSync(join(WEIGHTS, `${graph}.onnx`)) });
    },
  };
}

/** Tell the service worker which files there are, and a version that changes with any of them. */
function listedFiles(): Plugin {
  return {
    name: "listed-files",
    closeBundle() {
      const script = join(OUTPUT, "service-worker.js");
      const files = readdirSync(OUTPUT, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => path !== script)
        .sort();
      const version = hashOf(...files.flatMap((path) => [path.slice(OUTPUT.length), readFileSync(path)]));
      const names = files.map((path) => relative(OUTPUT, path).split(sep).join("/")).filter((name) => !LATER.includes(name));
      const text = readFileSync(script, "utf8");
      writeFileSync(script, text.replace("__FILES__", JSON.stringify(names)).replace("__VERSION__", JSON.stringify(version)));
    },
  };
}

export default defineConfig({
  base: "./", // it may stand anywhere on a server
  define: { __MODELS__: JSON.stringify(Object.fromEntries(MODELS)) },
  plugins: [models(), listedFiles()],
  // The WebAssembly is a file of its own: it is not repeated inside a script.
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser"] },
  worker: { format: "es" },
  build: {
    outDir: OUTPUT,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the policy of the page allows no data: addresses
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { page: resolve(import.meta.dirname, "index.html"), "service-worker": resolve(import.meta.dirname, "src/service-worker.ts") },
      output: { entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
  test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000 }, // ms: a busy machine takes its time
});
