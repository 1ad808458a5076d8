/** EXIF is patched in place, so that camera makers' notes, which hold offsets, stay right. */
import { viewOf } from "./bytes";

const ORIENTATION = 0x0112;
const X_RESOLUTION = 0x011a;
const Y_RESOLUTION = 0x011b;
const RESOLUTION_UNIT = 0x0128;
const EXIF_IFD = 0x8769;
const PIXEL_X = 0xa002;
const PIXEL_Y = 0xa003;
const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;
const LITTLE_ENDIAN = 0x4949;
const FIRST_IFD = 4; // where its place stands
const CM = 3; // as a unit of resolutions

/** Return how a picture is turned, as EXIF counts it, 1..8; 1, which is upright, where that is not said. */
export function orientationOf(exif: Uint8Array): number {
  if (exif.length < FIRST_IFD + 4) return 1;
  const view = viewOf(exif);
  const little = isLittle(view);
  for (const at of entriesOf(view, view.getUint32(FIRST_IFD, little), little)) {
    if (view.getUint16(at, little) === ORIENTATION && view.getUint16(at + 2, little) === SHORT) return view.getUint16(at + 8, little);
  }
  return 1;
}

/** Tell whether the width of a picture is its height in the file. */
export function isOnItsSide(exif: Uint8Array): boolean {
  return orientationOf(exif) >= 5;
}

/**
 * Return EXIF that describes a picture as it is now: upright, of this size, without a thumbnail.
 *
 * @param exif The TIFF structure; one that is damaged is changed as far as it can be read.
 * @param size Width and height.
 */
export function upright(exif: Uint8Array, size: readonly [number, number]): Uint8Array {
  const result = exif.slice();
  if (result.length < FIRST_IFD + 4) return result;
  const view = viewOf(result);
  const little = isLittle(view);

  function patch(ifd: number, values: ReadonlyMap<number, number>): Map<number, number> {
    const found = new Map<number, number>();
    for (const at of entriesOf(view, ifd, little)) {
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
    if (!isInside(view, ifd, 2)) return found;
    const next = ifd + 2 + 12 * view.getUint16(ifd, little);
    if (isInside(view, next, 4)) view.setUint32(next, 0, little); // the directory of the thumbnail
    return found;
  }

  /** Let two numbers of a directory change places, which stand elsewhere in the file. */
  function exchange(ifd: number, tags: readonly number[]): void {
    const places = [...entriesOf(view, ifd, little)].filter((at) => tags.includes(view.getUint16(at, little)) && view.getUint16(at + 2, little) === RATIONAL);
    if (places.length !== tags.length) return;
    const numbers = places.map((at) => view.getUint32(at + 8, little)).reverse();
    places.forEach((at, index) => view.setUint32(at + 8, numbers[index]!, little));
  }

  const first = view.getUint32(FIRST_IFD, little);
  if (isOnItsSide(exif)) exchange(first, [X_RESOLUTION, Y_RESOLUTION]);
  const links = patch(first, new Map([[ORIENTATION, 1]]));
  const inner = links.get(EXIF_IFD);
  if (inner !== undefined) patch(inner, new Map([[PIXEL_X, size[0]], [PIXEL_Y, size[1]]]));
  return result;
}

/** Return EXIF that says nothing but how many pixels a meter has, across and down. */
export function exifOfDensity(density: readonly [number, number]): Uint8Array {
  const entries = [[X_RESOLUTION, RATIONAL], [Y_RESOLUTION, RATIONAL], [RESOLUTION_UNIT, SHORT]] as const;
  const begin = FIRST_IFD + 4;
  const rationals = begin + 2 + 12 * entries.length + 4;
  const result = new Uint8Array(rationals + 8 * density.length);
  const view = viewOf(result);
  view.setUint32(0, 0x4d4d002a); // big-endian
  view.setUint32(FIRST_IFD, begin);
  view.setUint16(begin, entries.length);
  entries.forEach(([tag, type], index) => {
    const at = begin + 2 + 12 * index;
    view.setUint16(at, tag);
    view.setUint16(at + 2, type);
    view.setUint32(at + 4, 1);
    if (type === RATIONAL) view.setUint32(at + 8, rationals + 8 * index);
    else view.setUint16(at + 8, CM);
  });
  density.forEach((perMeter, index) => {
    view.setUint32(rationals + 8 * index, Math.round(perMeter));
    view.setUint32(rationals + 8 * index + 4, 100);
  });
  return result;
}

/** Give the places of the entries of a directory, 12 bytes each. */
function* entriesOf(view: DataView, ifd: number, little: boolean): Generator<number> {
  if (!isInside(view, ifd, 2)) return;
  const end = ifd + 2 + 12 * view.getUint16(ifd, little);
  for (let at = ifd + 2; at < end && isInside(view, at, 12); at += 12) yield at;
}

function isInside(view: DataView, at: number, length: number): boolean {
  return at >= FIRST_IFD + 4 && at + length <= view.byteLength;
}

function isLittle(view: DataView): boolean {
  return view.getUint16(0) === LITTLE_ENDIAN;
}
