/** Metadata in the chunks of a PNG (third edition: eXIf, pHYs, tEXt, zTXt, iTXt; ImageMagick's profiles in texts). */
import { ascii, concatenate, latin1, startsWith, viewOf } from "./bytes";
import type { Comment, Found, Metadata } from "./metadata";
import { asResources, lasting } from "./photoshop";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const XMP = "XML:com.adobe.xmp";
const UNPACKED = ascii("\0\0\0\0\0"); // of an iTXt behind its keyword: not compressed, no language, no translated keyword
const TEXTS = ["tEXt", "zTXt", "iTXt"];
const RAW_PROFILE = "Raw profile type ";
const RESOURCES = ["8bim", "iptc"]; // types of profiles
const DIGITS = 72; // of a profile, in a line
const LONGEST_KEYWORD = 79;
const AFTER_HEADER = SIGNATURE.length + 25; // IHDR is first and has 13 bytes
const BITS = SIGNATURE.length + 16; // of a sample, behind width and height in IHDR

/** Return the metadata of a PNG, or null of anything else. */
export async function readPng(bytes: Uint8Array): Promise<Metadata | null> {
  if (!startsWith(bytes, SIGNATURE)) return null;
  const found: Found = {};
  const comments: Comment[] = [];
  const view = viewOf(bytes);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (body.length < length) break;
    const type = latin1(bytes.subarray(at + 4, at + 8));
    if (type === "eXIf") found.exif ??= body;
    else if (type === "pHYs" && length === 9 && body[8] === 1) {
      found.density = [view.getUint32(at + 8), view.getUint32(at + 12)];
    } else if (TEXTS.includes(type)) {
      const comment = await commentOf(type, body).catch(() => null); // a damaged one holds nothing
      if (comment !== null) take(comment, found, comments);
    }
    at += 12 + length;
  }
  if (comments.length > 0) found.comments = comments;
  return found;
}

/** Take a text for what it is: XMP, a profile, or a comment. */
function take(comment: Comment, found: Found, comments: Comment[]): void {
  const { keyword, text } = comment;
  if (keyword === XMP) found.xmp ??= text;
  else if (!keyword.startsWith(RAW_PROFILE)) comments.push(comment);
  else if (RESOURCES.includes(keyword.slice(RAW_PROFILE.length))) {
    const photoshop = lasting(asResources(profileOf(text)));
    if (photoshop !== undefined) found.photoshop ??= photoshop;
  } else if (!/ic[cm]$/.test(keyword)) found.lost = [...(found.lost ?? []), keyword]; // the colors of the result are sRGB
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
  if (metadata.xmp !== undefined) parts.push(chunk("iTXt", concatenate(ascii(XMP), UNPACKED, metadata.xmp)));
  if (metadata.photoshop !== undefined) parts.push(chunk("tEXt", ascii(`${RAW_PROFILE}iptc\0${profileText(metadata.photoshop)}`)));
  for (const comment of metadata.comments ?? []) parts.push(textChunk(comment));
  return concatenate(...parts, bytes.subarray(AFTER_HEADER));
}

/** Read a text: its keyword, a null, and what depends on the kind of the chunk. */
async function commentOf(type: string, body: Uint8Array): Promise<Comment | null> {
  const end = body.indexOf(0);
  if (end < 0) return null;
  const keyword = latin1(body.subarray(0, end));
  const rest = body.subarray(end + 1);
  if (type !== "iTXt") return { keyword, text: new TextEncoder().encode(latin1(type === "zTXt" ? await inflated(rest.subarray(1)) : rest)) };
  const language = rest.indexOf(0, 2); // behind whether and how it is compressed
  const begin = language < 0 ? 0 : rest.indexOf(0, language + 1) + 1;
  if (begin === 0) return null;
  return { keyword, text: rest[0] ? await inflated(rest.subarray(begin)) : rest.subarray(begin) };
}

/** Write a text in Latin-1 where that can hold it, else in UTF-8. */
function textChunk({ keyword, text }: Comment): Uint8Array {
  const letters = decoded(text);
  const isLatin = [...letters].every((letter) => letter <= "\xff");
  const name = ascii(keyword.slice(0, LONGEST_KEYWORD));
  return isLatin ? chunk("tEXt", concatenate(name, ascii(`\0${letters.replaceAll("\0", "")}`))) : chunk("iTXt", concatenate(name, UNPACKED, text));
}

/** Decode UTF-8; bytes that are none are most likely Latin-1. */
function decoded(text: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    return latin1(text);
  }
}

/** Read a profile: a line of its type, one of its length, and its bytes in hexadecimal digits. */
function profileOf(text: Uint8Array): Uint8Array {
  const [, , ...lines] = latin1(text).trimStart().split("\n");
  return Uint8Array.from(lines.join("").replace(/\s/g, "").match(/[\da-f]{2}/gi) ?? [], (digits) => parseInt(digits, 16));
}

function profileText(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const lines = digits.match(new RegExp(`.{1,${DIGITS}}`, "g")) ?? [];
  return `\niptc\n${String(bytes.length).padStart(8)}\n${lines.join("\n")}\n`;
}

async function inflated(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
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
