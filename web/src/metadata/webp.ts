/** Metadata in the chunks of a WebP (RFC 9649). */
import { ascii, startsWith, viewOf } from "./bytes";
import type { Metadata } from "./metadata";

const RIFF = ascii("RIFF");
const EXIF_PREFIX = ascii("Exif\0\0"); // some programs write it, though it belongs to JPEG

/** Return the metadata of a WebP, or null of anything else. */
export function readWebp(bytes: Uint8Array): Metadata | null {
  if (!startsWith(bytes, RIFF) || !startsWith(bytes.subarray(8), ascii("WEBP"))) return null;
  const found: { -readonly [key in keyof Metadata]: Metadata[key] } = {};
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) break;
    const type = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (type === "EXIF") found.exif ??= startsWith(body, EXIF_PREFIX) ? body.subarray(EXIF_PREFIX.length) : body;
    else if (type === "XMP ") found.xmp ??= body;
    at += 8 + length + (length & 1);
  }
  return found;
}
