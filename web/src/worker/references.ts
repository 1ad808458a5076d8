/** Pictures in color as networks know them; the last ones stay in memory. */
import { roundHalfToEven } from "../arithmetic";
import { models } from "../constants.json";
import { examinedSize, isInColor } from "../color/in-color";
import { codesToLab } from "../color/lab";
import type { Plane } from "../color/plane";
import { Resampler, type Size, workingLuma } from "../color/resize";
import { halved, Reference, referencePlaces } from "../hints/reference";
import type { ModelName, ReferencePicture } from "../messages";
import { PictureError } from "../messages";
import { Recent } from "../recent";
import { describe, encode } from "./network";
import { uprightFile } from "./orientation";
import { decode, eachStrip, readGray } from "./picture";

const kept = new Recent<string, Reference>(8);

/**
 * Read a picture in color, and run a network on it, which is done once.
 *
 * @throws PictureError If it cannot be read, or is gray.
 */
export function referenceOf(picture: ReferencePicture, model: ModelName): Promise<Reference> {
  return kept.get(`${model} ${picture.number}`, () => uprightFile(picture.file).then((file) => readReference(file, model)));
}

async function readReference(file: File, model: ModelName): Promise<Reference> {
  const bitmap = await decode(file);
  try {
    const { width, height } = bitmap;
    const encoded = await encode(workingLuma(readGray(bitmap).luma, models[model]), model);
    const [rows, columns] = encoded.scores.dims.slice(2) as [number, number];
    const [onMap, examined] = shrinkColors(bitmap, [[columns, rows], examinedSize([width, height])]);
    if (!isInColor(examined!)) throw new PictureError("grayReference");
    const description = await describe(encoded, model, true);
    return new Reference(referencePlaces(description, models[model]), halved(abOf(onMap!), columns));
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
