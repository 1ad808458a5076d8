/** A frame of a camera, made gray, colored, and compared with its true colors. */
import { models } from "../constants.json";
import { fitChroma } from "../color/chroma-model";
import { composer } from "../color/compose";
import { rgbToLab } from "../color/lab";
import { workingLuma } from "../color/resize";
import type { Frame, FrameRequest } from "../messages";
import { adjust } from "../color/adjust";
import { readOut, see } from "./network";
import { context2d, readLuma } from "./picture";

export async function colorFrame({ frame, settings }: FrameRequest): Promise<Frame> {
  const { width, height } = frame;
  const [data] = readLuma(frame);
  const luma = { width, height, data };
  const spec = models[settings.model];
  const working = workingLuma(luma, spec);
  const seen = await see(working, settings.model);
  const { ab, confidence } = await readOut(seen, settings.model, settings.vividness);
  const adjusted = adjust(ab, confidence, settings);
  const [rows, columns] = seen.scores.dims.slice(2) as [number, number];
  const distance = distanceOf(adjusted, frame, columns, rows);
  frame.close();
  const [gray, after] = [new ImageData(width, height), new ImageData(width, height)];
  const words = new Uint32Array(gray.data.buffer);
  data.forEach((code, i) => (words[i] = 0xff000000 | (code * 0x010101)));
  composer(luma, null, fitChroma(working, adjusted, spec.stride))({ left: 0, top: 0, width, height }, after.data);
  const bitmaps = await Promise.all([createImageBitmap(gray), createImageBitmap(after)]);
  return { gray: bitmaps[0], after: bitmaps[1], distance };
}

/** Return the mean distance of ab from those of a frame, both on the map of the network. */
function distanceOf(ab: Float32Array, frame: ImageBitmap, columns: number, rows: number): number {
  const context = context2d(new OffscreenCanvas(columns, rows));
  context.imageSmoothingQuality = "medium";
  context.drawImage(frame, 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  const count = columns * rows;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const [, a, b] = rgbToLab([data[4 * i]! / 255, data[4 * i + 1]! / 255, data[4 * i + 2]! / 255]);
    sum += Math.hypot(ab[i]! - a, ab[count + i]! - b);
  }
  return sum / count;
}
