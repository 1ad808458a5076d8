/** The networks, run by ONNX Runtime in WebAssembly. */
import * as ort from "onnxruntime-web/wasm";
import loaderUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { lightnessOf } from "../color/lightness";
import type { Plane } from "../color/plane";
import baseReadoutUrl from "../graphs/base-readout.onnx?url";
import nanoReadoutUrl from "../graphs/nano-readout.onnx?url";
import type { Description } from "../hints/propagation";
import { halved, type Prediction } from "../hints/reference";
import type { ModelName } from "../messages";
import { PictureError } from "../messages";

/** Addresses of the networks and their branches, from the folder of the page; put in when it is built. */
declare const __MODELS__: Readonly<Record<string, string>>;

const MOST_THREADS = 4; // more do not make these small networks faster
const THREADS_OF_A_CORE = 2; // browsers count these; in Python, too, a network takes one for each core

const absolute = (url: string): string => new URL(url, self.location.href).href;
ort.env.wasm.wasmPaths = { mjs: absolute(loaderUrl), wasm: absolute(wasmUrl) };
// Threads share memory, which browsers allow to isolated pages alone.
const cores = Math.max(Math.floor(navigator.hardwareConcurrency / THREADS_OF_A_CORE), 1);
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(cores, MOST_THREADS) : 1;

/** A network, the end of it from scores to ab, and its branch for hints. */
type Graph = ModelName | `${ModelName}-readout` | `${ModelName}-hints`;

const READOUTS: Record<ModelName, string> = { nano: nanoReadoutUrl, base: baseReadoutUrl };
const sessions = new Map<Graph, Promise<ort.InferenceSession>>();

/** All that a network knows of a picture, whatever the settings. */
export interface Encoded {
  readonly lightness: ort.Tensor;
  readonly scores: ort.Tensor;
  readonly features: ort.Tensor;
}

/** Load a network and its end, once. */
export async function load(model: ModelName): Promise<void> {
  await Promise.all([session(model), session(`${model}-readout`)]);
}

/**
 * Run a network on a picture.
 *
 * @param luma At working size, 0..1.
 */
export async function encode(luma: Plane, model: ModelName): Promise<Encoded> {
  const network = await session(model);
  const lightness = lightnessTensor(luma);
  const { scores, features } = await network.run({ lightness, vividness: scalar(0) }, ["scores", "features"]);
  return { lightness, scores: scores!, features: features! };
}

/** Read colors out of what a network knows of a picture. */
export async function readOut({ scores }: Encoded, model: ModelName, vividness: number): Promise<Prediction> {
  const readout = await session(`${model}-readout`);
  return checked(await readout.run({ scores, vividness: scalar(vividness) }), model);
}

/**
 * Predict the colors of a picture of which nothing else is needed.
 *
 * @param luma At working size, 0..1.
 */
export async function predict(luma: Plane, model: ModelName, vividness: number): Promise<Prediction> {
  const network = await session(model);
  return checked(await network.run({ lightness: lightnessTensor(luma), vividness: scalar(vividness) }, ["ab", "confidence"]), model);
}

function checked(result: ort.InferenceSession.ReturnType, model: ModelName): Prediction {
  const [ab, confidence] = [result["ab"]!.data as Float32Array, result["confidence"]!.data as Float32Array];
  if (!(ab.every(Number.isFinite) && confidence.every(Number.isFinite))) {
    throw new PictureError("failed", `${model}: the model returns NaN or infinity`);
  }
  return { ab, confidence };
}

/**
 * Describe the places of a picture, for hints.
 *
 * @param isCoarse Whether two by two cells are one place.
 */
export async function describe({ features, lightness }: Encoded, model: ModelName, isCoarse = false): Promise<Description> {
  const branch = await session(`${model}-hints`);
  const feed = isCoarse ? { features: halvedTensor(features), lightness: halvedTensor(lightness) } : { features, lightness };
  const { keys, strengths } = await branch.run(feed);
  const [height, width] = strengths!.dims.slice(2) as [number, number];
  return { width, height, keys: keys!.data as Float32Array, strengths: strengths!.data as Float32Array };
}

function halvedTensor({ data, dims }: ort.Tensor): ort.Tensor {
  const [rows, columns] = dims.slice(2) as [number, number];
  return new ort.Tensor("float32", halved(data as Float32Array, columns), [...dims.slice(0, 2), rows / 2, columns / 2]);
}

function lightnessTensor(luma: Plane): ort.Tensor {
  return new ort.Tensor("float32", lightnessOf(luma), [1, 1, luma.height, luma.width]);
}

function scalar(value: number): ort.Tensor {
  return new ort.Tensor("float32", [value], [1]);
}

function session(graph: Graph): Promise<ort.InferenceSession> {
  let loaded = sessions.get(graph);
  if (loaded === undefined) {
    loaded = fetchGraph(graph).then((bytes) => ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }));
    loaded.catch(() => sessions.delete(graph)); // the next picture tries again
    sessions.set(graph, loaded);
  }
  return loaded;
}

async function fetchGraph(graph: Graph): Promise<Uint8Array> {
  const [model, part] = graph.split("-") as [ModelName, string | undefined];
  // This script is in assets/.
  const url = part === "readout" ? absolute(READOUTS[model]) : absolute(`../${__MODELS__[graph]}`);
  const response = await fetch(url).catch((error: unknown) => {
    throw new PictureError("noModel", String(error));
  });
  if (!response.ok) throw new PictureError("noModel", `${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
