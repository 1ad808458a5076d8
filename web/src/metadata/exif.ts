/** EXIF is patched in place, so that camera makers' notes, which hold offsets, stay right. */
import { viewOf } from "./bytes";

const ORIENTATION = 0x0112;
const EXIF_IFD = 0x8769;
const PIXEL_X = 0xa002;
const PIXEL_Y = 0xa003;
const SHORT = 3;
const LONG = 4;
const LITTLE_ENDIAN = 0x4949;

/**
 * Return EXIF that describes a picture as it is now: upright, of this size, without a thumbnail.
 *
 * @param exif The TIFF structure; one that is damaged is changed as far as it can be read.
 * @param size Width and height.
 */
export function upright(exif: Uint8Array, size: readonly [number, number]): Uint8Array {
  const result = exif.slice();
  if (result.length < 8) return result;
  const view = viewOf(result);
  const little = view.getUint16(0) === LITTLE_ENDIAN;
  const inside = (at: number, length: number): boolean => at >= 8 && at + length <= result.length;

  function patch(ifd: number, values: ReadonlyMap<number, number>): Map<number, number> {
    const found = new Map<number, number>();
    if (!inside(ifd, 2)) return found;
    const count = view.getUint16(ifd, little);
    for (let at = ifd + 2; at < ifd + 2 + 12 * count && inside(at, 12); at += 12) {
      const tag = view.getUint16(at, little);
      const type = view.getUint16(at + 2, little);
      const value = values.get(tag);
      if (type === LONG) {
        if (value !== undefined) view.setUint32(at + 8, value, little);
        found.set(tag, view.getUint32(at + 8, little));
      } else if (type === SHORT && value !== undefined && value <= 65535) {
        view.setUint16(at + 8, value, little);
      }
    }
    const next = ifd + 2 + 12 * count;
    if (inside(next, 4)) view.setUint32(next, 0, little); // the directory of the thumbnail
    return found;
  }

  const links = patch(view.getUint32(4, little), new Map([[ORIENTATION, 1]]));
  const inner = links.get(EXIF_IFD);
  if (inner !== undefined) patch(inner, new Map([[PIXEL_X, size[0]], [PIXEL_Y, size[1]]]));
  return result;
}
