/** Pictures in color as networks see them; the last ones stay in memory. */
import { models } from "../constants.json";
import { isInColor, lookedAtSize } from "../color/in-color";
import { codesToLab } from "../color/lab";
import type { Plane } from "../color/plane";
import { Resampler, roundHalfToEven, type Size, workingLuma } from "../color/resize";
import { halved, Reference, referencePlaces } from "../hints/reference";
import type { ModelName, ReferencePicture } from "../messages";
import { PictureError } from "../messages";
import { describe, see } from "./network";
import { decode, eachStrip, readLuma } from "./picture";

const KEPT = 8;

const kept = new Map<string, Promise<Reference>>(); // the one used last is the last

/**
 * Let a network look at a picture in color, which it does once.
 *
 * @throws PictureError If it cannot be read, or is gray.
 */
export function referenceOf(picture: ReferencePicture, model: ModelName): Promise<Reference> {
  const key = `${model} ${picture.number}`;
  const found = kept.get(key) ?? readReference(picture.file, model);
  kept.delete(key);
  kept.set(key, found);
  found.catch(() => kept.delete(key));
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
  return found;
}

async function readReference(file: File, model: ModelName): Promise<Reference> {
  const bitmap = await decode(file);
  try {
    const { width, height } = bitmap;
    const seen = await see(workingLuma({ width, height, data: readLuma(bitmap)[0] }, models[model]), model);
    const [rows, columns] = seen.scores.dims.slice(2) as [number, number];
    const [onMap, lookedAt] = shrinkColors(bitmap, [[columns, rows], lookedAtSize([width, height])]);
    if (!isInColor(lookedAt!)) throw new PictureError("grayReference");
    const described = await describe(seen, model, true);
    return new Reference(referencePlaces(described, models[model]), halved(abOf(onMap!), columns));
  } finally {
    bitmap.close();
  }
}

/** Shrink a picture to several sizes at once: red, green and blue of each, 0..255, rounded as OpenCV rounds. */
function shrinkColors(bitmap: ImageBitmap, sizes: readonly Size[]): Plane[][] {
  const { width, height } = bitmap;
  const resamplers = sizes.map((size) => [0, 1, 2].map(() => Resampler.ofArea([width, height], size)));
  eachStrip(bitmap, ({ data }, _, rows) => {
    for (const channels of resamplers) channels.forEach((resampler, channel) => resampler.add(data, width, rows, channel, 4));
  });
  return resamplers.map((channels) => channels.map((resampler) => rounded(resampler.finish())));
}

function rounded(plane: Plane): Plane {
  return { ...plane, data: plane.data.map(roundHalfToEven) };
}

/** Return a of all pixels, then b. */
function abOf([red, green, blue]: readonly Plane[]): Float32Array {
  const count = red!.data.length;
  const ab = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    [, ab[i], ab[count + i]] = codesToLab(red!.data[i]!, green!.data[i]!, blue!.data[i]!);
  }
  return ab;
}
