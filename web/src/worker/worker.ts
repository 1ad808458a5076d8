/** All heavy work: decoding, the network, composing, encoding. One request at a time. */
import { models } from "../constants.json";
import type { ChromaModel } from "../color/chroma-model";
import { fitChroma } from "../color/chroma-model";
import { composer } from "../color/compose";
import { workingLuma } from "../color/resize";
import type { Encoded, EncodeRequest, Reply, Request, Result, Settings, View, ViewRequest } from "../messages";
import { PictureError } from "../messages";
import { load, predict } from "./network";
import { context2d, Picture } from "./picture";

const KEPT = 2; // pictures whose luma stays in memory
const STRIP_ROWS = 256;
const JPEG_QUALITY = 0.95;

interface Opened {
  readonly picture: Picture;
  /** Chroma, and the settings that it was made with. */
  chroma?: { readonly settings: Settings; readonly model: ChromaModel };
}

const opened = new Map<number, Opened>(); // the one used last is the last

self.onmessage = (event: MessageEvent<Request>): void => {
  void answer(event.data);
};

async function answer(request: Request): Promise<void> {
  let reply: Reply;
  try {
    reply = { ok: true, result: await resultOf(request) };
  } catch (error) {
    const failure = error instanceof PictureError ? error.failure : "failed";
    reply = { ok: false, failure, detail: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(reply, { transfer: reply.ok ? bitmapsOf(reply.result) : [] });
}

async function resultOf(request: Request): Promise<Result> {
  switch (request.kind) {
    case "view":
      return view(request);
    case "encode":
      return encode(request);
    case "prepare":
      await load(request.model);
      return null;
  }
}

function bitmapsOf(result: Result): Transferable[] {
  if (result === null || !("after" in result)) return [];
  return result.before === null ? [result.after] : [result.before, result.after];
}

async function view(request: ViewRequest): Promise<View> {
  const entry = await open(request.picture, request.file);
  const { picture } = entry;
  const chroma = await chromaOf(entry, request.settings);
  const luma = picture.view(request.size);
  const pixels = new ImageData(luma.width, luma.height);
  composer(luma, null, chroma)(0, pixels.data);
  const after = await createImageBitmap(pixels);
  const before = request.withBefore ? await picture.before() : null;
  return { width: picture.width, height: picture.height, before, after };
}

async function encode(request: EncodeRequest): Promise<Encoded> {
  const entry = await open(request.picture, request.file);
  const { luma, alpha, width, height } = entry.picture;
  const compose = composer(luma, alpha, await chromaOf(entry, request.settings));
  const canvas = new OffscreenCanvas(width, height);
  const context = context2d(canvas);
  for (let top = 0; top < height; top += STRIP_ROWS) {
    const strip = new ImageData(width, Math.min(STRIP_ROWS, height - top));
    compose(top, strip.data);
    context.putImageData(strip, 0, top);
  }
  if (request.type === "image/jpeg" && alpha !== null) {
    context.globalCompositeOperation = "destination-over"; // JPEG has no transparency: over white
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  }
  const blob = await canvas.convertToBlob({ type: request.type, quality: JPEG_QUALITY });
  if (blob.type !== request.type) throw new PictureError("failed", `${request.type} cannot be written`);
  return { blob, width, height };
}

async function open(number: number, file: Blob): Promise<Opened> {
  const entry = opened.get(number) ?? { picture: await Picture.read(file) };
  opened.delete(number);
  opened.set(number, entry);
  for (const oldest of opened.keys()) {
    if (opened.size <= KEPT) break;
    opened.delete(oldest);
  }
  return entry;
}

async function chromaOf(entry: Opened, settings: Settings): Promise<ChromaModel> {
  const known = entry.chroma;
  if (known?.settings.model === settings.model && known.settings.vividness === settings.vividness) return known.model;
  const spec = models[settings.model];
  const luma = workingLuma(entry.picture.luma, spec);
  const ab = await predict(luma, settings.model, settings.vividness);
  const model = fitChroma(luma, ab, spec.stride);
  entry.chroma = { settings, model };
  return model;
}
