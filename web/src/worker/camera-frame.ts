/**
 * A frame of a camera, made gray, colored, and compared with its true colors: as quickly as it can be. The fit is that of
 * films in Python, and the browser makes the frame smaller.
 */
import { models, upsample } from "../constants.json";
import { adjust } from "../color/adjust";
import { fitChroma } from "../color/chroma-model";
import { composer } from "../color/compose";
import { codesToLab } from "../color/lab";
import type { Plane } from "../color/plane";
import { workingSize } from "../color/resize";
import type { Frame, FrameRequest } from "../messages";
import { predict } from "./network";
import { context2d, lumaOf } from "./picture";

/** Canvases stay from frame to frame. */
const [taken, atWork, onMap, gray, colored] = Array.from({ length: 5 }, () => new OffscreenCanvas(1, 1)) as [
  OffscreenCanvas, OffscreenCanvas, OffscreenCanvas, OffscreenCanvas, OffscreenCanvas,
];

export async function colorFrame({ frame, settings }: FrameRequest): Promise<Frame> {
  const { width, height } = frame;
  const pixels = draw(frame, taken, width, height);
  frame.close();
  const luma = { width, height, data: lumaOf(pixels) };
  const spec = models[settings.model];
  const working = planeOf(draw(taken, atWork, ...workingSize(width, height, spec)));
  const { ab, confidence } = await predict(working, settings.model, settings.vividness);
  const adjusted = adjust(ab, confidence, settings);
  const chroma = fitChroma(working, adjusted, spec.stride, upsample.fitShrinkOfFilms);
  const [columns, rows] = [working.width / spec.stride, working.height / spec.stride];
  const distance = distanceOf(adjusted, draw(atWork, onMap, columns, rows).data);
  const after = bitmapOf(colored, pixels, () => composer(luma, null, chroma)({ left: 0, top: 0, width, height }, pixels.data));
  const before = bitmapOf(gray, pixels, () => writeGray(luma.data, new Uint32Array(pixels.data.buffer)));
  return { gray: before, after, distance };
}

function writeGray(luma: Uint8Array, pixels: Uint32Array): void {
  for (let i = 0; i < luma.length; i++) pixels[i] = 0xff000000 | (luma[i]! * 0x010101);
}

/** Draw a picture at a size; returns its pixels. */
function draw(source: ImageBitmap | OffscreenCanvas, canvas: OffscreenCanvas, width: number, height: number): ImageData {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = context2d(canvas);
  context.imageSmoothingQuality = "low";
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Return the luma of pixels, 0..1. */
function planeOf(pixels: ImageData): Plane {
  const codes = lumaOf(pixels);
  const data = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) data[i] = codes[i]! / 255;
  return { width: pixels.width, height: pixels.height, data };
}

/** Return a picture of pixels that are written now. */
function bitmapOf(canvas: OffscreenCanvas, pixels: ImageData, write: () => void): ImageBitmap {
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) [canvas.width, canvas.height] = [pixels.width, pixels.height];
  write();
  context2d(canvas).putImageData(pixels, 0, 0);
  return canvas.transferToImageBitmap();
}

/** Return the mean distance of ab from those of pixels, both on the map of the network. */
function distanceOf(ab: Float32Array, pixels: Uint8ClampedArray): number {
  const count = pixels.length / 4;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const [, a, b] = codesToLab(pixels[4 * i]!, pixels[4 * i + 1]!, pixels[4 * i + 2]!);
    sum += Math.hypot(ab[i]! - a, ab[count + i]! - b);
  }
  return sum / count;
}
