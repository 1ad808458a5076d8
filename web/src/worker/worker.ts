/** All heavy work: decoding, the network, composing, encoding. One request at a time. */
import { models } from "../constants.json";
import type { ChromaModel } from "../color/chroma-model";
import { composer } from "../color/compose";
import { drawWheel } from "../hints/wheel";
import type {
  Detail, DetailRequest, Exported, ExportRequest, ForPicture, ModelName, Point, Reply, Request, Result, Suggestions,
  SuggestRequest, View, ViewRequest, WhereRequest,
} from "../messages";
import { LONGEST_WEBP, PictureError } from "../messages";
import { Recent } from "../recent";
import { colorFrame } from "./camera-frame";
import { Coloring } from "./coloring";
import { load } from "./network";
import { uprightFile } from "./orientation";
import { context2d, type Gray, Picture } from "./picture";
import { referenceOf } from "./references";
import { readTiff } from "./tiff";

const STRIP_ROWS = 256; // composed at a time, so that beside the canvas there are no pixels of the whole
const QUALITY = 0.95; // of JPEG and WebP: more than Python takes, because browsers halve the size of chroma in any case
const WHEEL_SIZE = 160; // pixels; it is shown at 128, on dense screens at twice that

interface Opened {
  readonly picture: Picture;
  /** By the network that was asked last. */
  coloring?: Coloring;
}

/** Those whose luma stays in memory. */
const opened = new Recent<number, Opened>(2);

self.onmessage = (event: MessageEvent<Request>): void => {
  void handle(event.data);
};

async function handle(request: Request): Promise<void> {
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
    case "detail":
      return detail(request);
    case "export":
      return exported(request);
    case "chroma":
      return (await colored(request)).chroma;
    case "suggest":
      return suggest(request);
    case "where":
      return where(request);
    case "tiff":
      return readTiff(request.file);
    case "reference":
      return referenceOf(request.reference, request.model).then(() => null);
    case "frame":
      return colorFrame(request);
    case "prepare":
      return prepare(request.model);
  }
}

function bitmapsOf(result: Result): Transferable[] {
  return result === null ? [] : Object.values(result).filter((value): value is ImageBitmap => value instanceof ImageBitmap);
}

async function view(request: ViewRequest): Promise<View> {
  const { picture, chroma } = await colored(request);
  const after = await createImageBitmap(composed(picture.view(request.size), chroma));
  const before = request.withBefore ? await picture.before() : null;
  return { width: picture.width, height: picture.height, before, after };
}

async function detail({ area, ...request }: DetailRequest): Promise<Detail> {
  const { picture, chroma } = await colored(request);
  const pixels = new ImageData(area.width, area.height);
  composer(picture.luma, picture.alpha, chroma)(area, pixels.data);
  const [before, after] = await Promise.all([picture.detail(area), createImageBitmap(pixels)]);
  return { before, after };
}

async function suggest(request: SuggestRequest): Promise<Suggestions> {
  const { coloring } = await encoded(request);
  const { luma, likely } = coloring.suggest(request.at);
  return { luma, likely, wheel: await createImageBitmap(drawWheel(luma, WHEEL_SIZE)) };
}

async function where(request: WhereRequest): Promise<Point> {
  const { coloring } = await encoded(request);
  return coloring.where(request.edits.hints);
}

async function exported(request: ExportRequest): Promise<Exported> {
  const { picture, chroma } = await colored(request);
  // Browsers write a file without a picture then.
  if (request.type === "image/webp" && Math.max(picture.width, picture.height) > LONGEST_WEBP) throw new PictureError("tooLong", request.type);
  const canvas = request.what === "sheet" ? await sheet(picture, chroma) : full(picture, chroma, request.what === "layer");
  const { width, height } = canvas;
  const isFlattened = request.type === "image/jpeg" && picture.alpha !== null; // JPEG has no transparency
  if (isFlattened) {
    const context = context2d(canvas);
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
  }
  const blob = await canvas.convertToBlob({ type: request.type, quality: QUALITY });
  if (blob.type !== request.type) throw new PictureError("failed", `${request.type} cannot be written`);
  return { blob, width, height, isFlattened };
}

/** Color a picture at full size, strip by strip. */
function full({ luma, alpha, width, height }: Picture, chroma: ChromaModel, onGray: boolean): OffscreenCanvas {
  const compose = composer(luma, alpha, chroma, onGray);
  const canvas = new OffscreenCanvas(width, height);
  const context = context2d(canvas);
  for (let top = 0; top < height; top += STRIP_ROWS) {
    const area = { left: 0, top, width, height: Math.min(STRIP_ROWS, height - top) };
    const strip = new ImageData(width, area.height);
    compose(area, strip.data);
    context.putImageData(strip, 0, top);
  }
  return canvas;
}

/** Put a picture before and after beside each other, or above where it is wide. */
async function sheet(picture: Picture, chroma: ChromaModel): Promise<OffscreenCanvas> {
  const before = await picture.before();
  const { width, height } = before;
  const isWide = width > height;
  const canvas = new OffscreenCanvas(isWide ? width : 2 * width, isWide ? 2 * height : height);
  const context = context2d(canvas);
  context.drawImage(before, 0, 0);
  before.close();
  context.putImageData(composed(picture.view("fine"), chroma), isWide ? 0 : width, isWide ? height : 0);
  return canvas;
}

function composed({ luma, alpha }: Gray, chroma: ChromaModel): ImageData {
  const { width, height } = luma;
  const pixels = new ImageData(width, height);
  composer(luma, alpha, chroma)({ left: 0, top: 0, width, height }, pixels.data);
  return pixels;
}

/** Load a network, and color something small: the first picture finds everything compiled. */
async function prepare(model: ModelName): Promise<null> {
  await load(model);
  const luma = { width: 512, height: 512, data: Uint8Array.from({ length: 512 * 512 }, (_, i) => i) };
  const coloring = await Coloring.of(luma, model);
  const hints = [{ points: [[9, 9]] as const, color: "#2e7d32", radius: 9 }];
  const settings = { model, vividness: models[model].defaultVividness, caution: 0, saturation: 1 };
  composed({ luma, alpha: null }, await coloring.chroma({ settings, references: [], hints }));
  return null;
}

async function colored(request: ForPicture): Promise<{ picture: Picture; chroma: ChromaModel }> {
  const { picture, coloring } = await encoded(request);
  return { picture, chroma: await coloring.chroma(request.edits) };
}

/** Read a picture and run the network on it, as far as that is not done. */
async function encoded({ picture: number, file, edits }: ForPicture): Promise<{ picture: Picture; coloring: Coloring }> {
  const { model } = edits.settings;
  const entry = await opened.get(number, async () => ({ picture: await Picture.read(await uprightFile(file)) }));
  if (entry.coloring?.model !== model) entry.coloring = await Coloring.of(entry.picture.luma, model);
  return { picture: entry.picture, coloring: entry.coloring };
}
