/** Metadata in the chunks of a PNG (third edition: eXIf, iTXt, pHYs). */
import { ascii, concatenate, startsWith, viewOf } from "./bytes";
import type { Metadata } from "./metadata";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const XMP = ascii("XML:com.adobe.xmp\0\0\0\0\0"); // not compressed, no language
const AFTER_HEADER = SIGNATURE.length + 25; // IHDR is first and has 13 bytes
const BITS = SIGNATURE.length + 16; // of a sample, behind width and height in IHDR

/** Return the metadata of a PNG, or null of anything else. */
export function readPng(bytes: Uint8Array): Metadata | null {
  if (!startsWith(bytes, SIGNATURE)) return null;
  const found: { -readonly [key in keyof Metadata]: Metadata[key] } = {};
  const view = viewOf(bytes);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) break;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === "eXIf") found.exif ??= body;
    else if (type === "iTXt" && startsWith(body, XMP)) found.xmp ??= body.subarray(XMP.length);
    else if (type === "pHYs" && length === 9 && body[8] === 1) {
      found.density = [view.getUint32(at + 8), view.getUint32(at + 12)];
    }
    at += 12 + length;
  }
  return found;
}

/** Tell whether a file is a PNG of 16 bits a sample, of which browsers keep 8. */
export function isDeepPng(bytes: Uint8Array): boolean {
  return startsWith(bytes, SIGNATURE) && bytes[BITS] === 16;
}

/** Write metadata into a PNG that has none of it. */
export function writePng(bytes: Uint8Array, metadata: Metadata): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [bytes.subarray(0, AFTER_HEADER)];
  if (metadata.density !== undefined) {
    const body = new Uint8Array(9);
    const [across, down] = metadata.density;
    viewOf(body).setUint32(0, Math.round(across));
    viewOf(body).setUint32(4, Math.round(down));
    body[8] = 1; // per meter
    parts.push(chunk("pHYs", body));
  }
  if (metadata.exif !== undefined) parts.push(chunk("eXIf", metadata.exif));
  if (metadata.xmp !== undefined) parts.push(chunk("iTXt", concatenate(XMP, metadata.xmp)));
  return concatenate(...parts, bytes.subarray(AFTER_HEADER));
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const result = concatenate(new Uint8Array(4), ascii(type), body, new Uint8Array(4));
  const view = viewOf(result);
  view.setUint32(0, body.length);
  view.setUint32(8 + body.length, crc32(result.subarray(4, 8 + body.length)));
  return result;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 255]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
