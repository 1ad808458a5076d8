/** The networks, run by ONNX Runtime in WebAssembly. */
import * as ort from "onnxruntime-web/wasm";
import loaderUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import { lightnessOf } from "../color/lightness";
import type { Plane } from "../color/plane";
import type { ModelName } from "../messages";
import { PictureError } from "../messages";

const MOST_THREADS = 4; // more do not make these small networks faster

const absolute = (url: string): string => new URL(url, self.location.href).href;
ort.env.wasm.wasmPaths = { mjs: absolute(loaderUrl), wasm: absolute(wasmUrl) };
// Threads share memory, which browsers allow to isolated pages alone.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;

const sessions = new Map<ModelName, Promise<ort.InferenceSession>>();

/**
 * Predict colors.
 *
 * @param luma At working size, 0..1.
 * @returns a of all cells, then b of all cells, in CIE units.
 */
export async function predict(luma: Plane, model: ModelName, vividness: number): Promise<Float32Array> {
  const session = await load(model);
  const inputs = {
    lightness: new ort.Tensor("float32", lightnessOf(luma), [1, 1, luma.height, luma.width]),
    vividness: new ort.Tensor("float32", [vividness], [1]),
  };
  const answer = await session.run(inputs, ["ab"]);
  const ab = (await answer["ab"]!.getData()) as Float32Array;
  if (!ab.every(Number.isFinite)) throw new PictureError("failed", `${model}: the model answers NaN or infinity`);
  return ab;
}

/** Load a network, once. */
export function load(model: ModelName): Promise<ort.InferenceSession> {
  let session = sessions.get(model);
  if (session === undefined) {
    session = fetchModel(model).then((bytes) => ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }));
    session.catch(() => sessions.delete(model)); // the next picture tries again
    sessions.set(model, session);
  }
  return session;
}

async function fetchModel(model: ModelName): Promise<Uint8Array> {
  const url = new URL(`../models/${model}.onnx`, self.location.href); // this script is in assets/
  const response = await fetch(url).catch((error: unknown) => {
    throw new PictureError("noModel", String(error));
  });
  if (!response.ok) throw new PictureError("noModel", `${url.href}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
