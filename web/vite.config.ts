import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const WEIGHTS = resolve(import.meta.dirname, "../src/tinct/weights");
const OUTPUT = resolve(import.meta.dirname, "../dist/page");
/** Files of the networks, of which `base` is fetched when it is first asked for, and kept then. */
const { models: networks } = JSON.parse(readFileSync(resolve(import.meta.dirname, "src/constants.json"), "utf8")) as { models: object };
const MODELS = Object.keys(networks).flatMap((name) => [`models/${name}.onnx`, `models/${name}-hints.onnx`]);
const LATER = MODELS.filter((path) => path.startsWith("models/base"));

/** Put the package's own model files beside the page. */
function models(): Plugin {
  return {
    name: "models",
    generateBundle() {
      for (const fileName of MODELS) this.emitFile({ type: "asset", fileName, source: readFileSync(join(WEIGHTS, basename(fileName))) });
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
      const hash = createHash("sha256");
      for (const path of files) hash.update(path.slice(OUTPUT.length)).update(readFileSync(path));
      const names = files.map((path) => relative(OUTPUT, path).split(sep).join("/")).filter((name) => !LATER.includes(name));
      const list = JSON.stringify(["./", ...names.filter((name) => name !== "index.html")]);
      const text = readFileSync(script, "utf8");
      writeFileSync(script, text.replace("__FILES__", list).replace("__VERSION__", JSON.stringify(hash.digest("hex").slice(0, 16))));
    },
  };
}

export default defineConfig({
  base: "./", // it may stand anywhere on a server
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
