/** Metadata in the chunks of a WebP (RFC 9649). */
import { ascii, concatenate, latin1, startsWith, viewOf } from "./bytes";
import { exifOfDensity } from "./exif";
import type { Found, Metadata } from "./metadata";

const RIFF = ascii("RIFF");
const EXIF_PREFIX = ascii("Exif\0\0"); // some programs write it, though it belongs to JPEG

const HAS_XMP = 0x04;
const HAS_EXIF = 0x08;
const HAS_ALPHA = 0x10;

/** Return the metadata of a WebP, or null of anything else. */
export function readWebp(bytes: Uint8Array): Metadata | null {
  if (!isWebp(bytes)) return null;
  const found: Found = {};
  for (const { type, body } of chunksOf(bytes)) {
    if (type === "EXIF") found.exif ??= startsWith(body, EXIF_PREFIX) ? body.subarray(EXIF_PREFIX.length) : body;
    else if (type === "XMP ") found.xmp ??= body;
  }
  return found;
}

/** Name what a WebP has no room for. */
export function withoutRoom({ photoshop, comments }: Metadata): string[] {
  return [...(photoshop === undefined ? [] : ["IPTC"]), ...(comments === undefined ? [] : ["comments"])];
}

/** Write metadata into a WebP of a size that has none of it. */
export function writeWebp(bytes: Uint8Array, metadata: Metadata, size: readonly [number, number]): Uint8Array<ArrayBuffer> {
  const ofPicture = [...chunksOf(bytes)].filter(({ type }) => type !== "VP8X");
  const isTransparent = ofPicture.some(({ type, body }) => type === "ALPH" || (type === "VP8L" && (body[4]! & HAS_ALPHA) !== 0));
  const exif = metadata.exif ?? (metadata.density && exifOfDensity(metadata.density)); // a WebP has no other place for a resolution
  const header = new Uint8Array(10);
  header[0] = (exif ? HAS_EXIF : 0) | (metadata.xmp ? HAS_XMP : 0) | (isTransparent ? HAS_ALPHA : 0);
  size.forEach((side, index) => [0, 8, 16].forEach((shift, byte) => (header[4 + 3 * index + byte] = (side - 1) >> shift)));
  const parts = [chunk("VP8X", header), ...ofPicture.map(({ type, body }) => chunk(type, body))];
  if (exif !== undefined) parts.push(chunk("EXIF", exif));
  if (metadata.xmp !== undefined) parts.push(chunk("XMP ", metadata.xmp));
  return chunk("RIFF", concatenate(ascii("WEBP"), ...parts));
}

export function isWebp(bytes: Uint8Array): boolean {
  return startsWith(bytes, RIFF) && startsWith(bytes.subarray(8), ascii("WEBP"));
}

function* chunksOf(bytes: Uint8Array): Generator<{ type: string; body: Uint8Array }> {
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) return;
    yield { type: latin1(bytes.subarray(at, at + 4)), body };
    at += 8 + length + (length & 1);
  }
}

function chunk(type: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const result = concatenate(ascii(type), new Uint8Array(4), body, new Uint8Array(body.length & 1));
  viewOf(result).setUint32(4, body.length, true);
  return result;
}
