/** WebP that lies on its side: most browsers do not turn it as its EXIF says, though they turn JPEG and PNG. */
import { orientationOf } from "../metadata/exif";
import { isWebp, readWebp } from "../metadata/webp";
import { context2d, decode } from "./picture";

const HEAD = 12; // bytes that tell a WebP
/** A WebP of 2 x 1 pixels whose EXIF says that it is to be turned by 90 degrees. */
const ON_ITS_SIDE =
  "UklGRlIAAABXRUJQVlA4WAoAAAAIAAAAAQAAAAAAVlA4TBEAAAAvAQAAAAfQsY51rP+BiOh/AABFWElGGgAAAE1NACoAAAAIAAEBEgADAAAAAQAGAAAAAAAA";

/** Of each orientation but the upright one: where the rows and the columns of the file run in the upright picture. */
const TURNS: Readonly<Record<number, readonly [along: readonly [number, number], down: readonly [number, number]]>> = {
  2: [[-1, 0], [0, 1]],
  3: [[-1, 0], [0, -1]],
  4: [[1, 0], [0, -1]],
  5: [[0, 1], [1, 0]],
  6: [[0, 1], [-1, 0]],
  7: [[0, -1], [-1, 0]],
  8: [[0, -1], [1, 0]],
};

/**
 * Return a picture as a file that this browser reads upright: the file itself, or its pixels as PNG.
 *
 * @throws PictureError
 */
export async function uprightFile(file: File): Promise<File> {
  if (!isWebp(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()))) return file;
  const exif = readWebp(new Uint8Array(await file.arrayBuffer()))?.exif;
  const turn = exif === undefined ? undefined : TURNS[orientationOf(exif)];
  if (turn === undefined || (await turnsWebp())) return file;
  const bitmap = await decode(file);
  const { width, height } = bitmap;
  const [along, down] = turn;
  const isTurned = along[0] === 0;
  const canvas = new OffscreenCanvas(isTurned ? height : width, isTurned ? width : height);
  const context = context2d(canvas);
  const begin = (axis: 0 | 1, room: number): number => (along[axis] + down[axis] < 0 ? room : 0);
  context.setTransform(along[0], along[1], down[0], down[1], begin(0, canvas.width), begin(1, canvas.height));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return new File([await canvas.convertToBlob({ type: "image/png" })], file.name, { type: "image/png", lastModified: file.lastModified });
}

async function turnsWebp(): Promise<boolean> {
  const bytes = Uint8Array.from(atob(ON_ITS_SIDE), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/webp" }));
  const { width, height } = bitmap;
  bitmap.close();
  return width < height;
}
