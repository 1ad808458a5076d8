/** Metadata in the segments of a JPEG (ITU-T T.81 annex B; JFIF; EXIF 2.32; XMP part 3). */
import { clamp } from "../arithmetic";
import { ascii, concatenate, startsWith, viewOf } from "./bytes";
import type { Comment, Found, Metadata } from "./metadata";
import { lasting } from "./photoshop";

const EXIF = ascii("Exif\0\0");
const XMP = ascii("http://ns.adobe.com/xap/1.0/\0");
const EXTENDED_XMP = ascii("http://ns.adobe.com/xmp/extension/\0");
const JFIF = ascii("JFIF\0");
const PHOTOSHOP = ascii("Photoshop 3.0\0");
const WITHOUT_KEYWORD = "Comment";
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP13 = 0xed;
const COMMENT = 0xfe;
const START_OF_SCAN = 0xda;
const LONGEST = 65533; // bytes in a segment; its length counts itself
const PER_INCH = 1 / 0.0254;
const PER_CM = 100;

interface Segment {
  readonly marker: number;
  readonly begin: number;
  readonly end: number;
  readonly body: Uint8Array;
}

/** Return the metadata of a JPEG, or null of anything else. */
export function readJpeg(bytes: Uint8Array): Metadata | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const found: Found = {};
  const resources: Uint8Array[] = [];
  const comments: Comment[] = [];
  for (const { marker, body } of segmentsOf(bytes)) {
    if (marker === APP1 && startsWith(body, EXIF)) found.exif ??= body.subarray(EXIF.length);
    else if (marker === APP1 && startsWith(body, XMP)) found.xmp ??= body.subarray(XMP.length);
    else if (marker === APP1 && startsWith(body, EXTENDED_XMP)) found.lost = ["the part of its XMP that stands outside the packet"];
    else if (marker === APP13 && startsWith(body, PHOTOSHOP)) resources.push(body.subarray(PHOTOSHOP.length));
    else if (marker === COMMENT) comments.push({ keyword: WITHOUT_KEYWORD, text: body });
    else if (marker === APP0 && startsWith(body, JFIF)) Object.assign(found, densityOf(body));
  }
  const photoshop = lasting(concatenate(...resources));
  if (photoshop !== undefined) found.photoshop = photoshop;
  if (comments.length > 0) found.comments = comments;
  return found;
}

/** Name what is too long for a segment of a JPEG: a PNG may hold more. */
export function tooLong({ exif, xmp, comments = [] }: Metadata): string[] {
  const parts = [["EXIF", exif, EXIF], ["XMP", xmp, XMP], ...comments.map((comment) => [comment.keyword, comment.text, prefixOf(comment)] as const)] as const;
  return parts.filter(([, part, prefix]) => part !== undefined && !fits(prefix, part)).map(([name]) => name);
}

/** Write metadata into a JPEG that has none of it, but for what is too long. */
export function writeJpeg(bytes: Uint8Array, metadata: Metadata): Uint8Array<ArrayBuffer> {
  const jfif = [...segmentsOf(bytes)].find(({ marker, body }) => marker === APP0 && startsWith(body, JFIF));
  const start = jfif?.end ?? 2;
  const head = bytes.slice(0, start);
  if (jfif !== undefined && metadata.density !== undefined) {
    const [across, down] = metadata.density.map((value) => clamp(Math.round(value / PER_INCH), 1, 65535));
    head.set([1, across! >> 8, across! & 255, down! >> 8, down! & 255], jfif.begin + 4 + JFIF.length + 2);
  }
  const parts = [head];
  if (metadata.exif !== undefined) parts.push(segment(APP1, EXIF, metadata.exif));
  if (metadata.xmp !== undefined) parts.push(segment(APP1, XMP, metadata.xmp));
  const size = LONGEST - PHOTOSHOP.length;
  const { photoshop = new Uint8Array(), comments = [] } = metadata;
  for (let at = 0; at < photoshop.length; at += size) parts.push(segment(APP13, PHOTOSHOP, photoshop.subarray(at, at + size)));
  for (const comment of comments) parts.push(segment(COMMENT, prefixOf(comment), comment.text));
  return concatenate(...parts, bytes.subarray(start));
}

/** Walk the segments in front of the first scan; damage ends the walk. */
function* segmentsOf(bytes: Uint8Array): Generator<Segment> {
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // a fill byte
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    if (marker === START_OF_SCAN || end > bytes.length || end < at + 4) return;
    yield { marker, begin: at, end, body: bytes.subarray(at + 4, end) };
    at = end;
  }
}

function densityOf(jfif: Uint8Array): Pick<Metadata, "density"> {
  const at = JFIF.length + 2;
  if (jfif.length < at + 5 || (jfif[at] !== 1 && jfif[at] !== 2)) return {};
  const unit = jfif[at] === 1 ? PER_INCH : PER_CM;
  const view = viewOf(jfif);
  return { density: [view.getUint16(at + 1) * unit, view.getUint16(at + 3) * unit] };
}

/** Return what stands before the text of a comment: a JPEG has no place for its keyword. */
function prefixOf({ keyword }: Comment): Uint8Array {
  return new TextEncoder().encode(keyword === WITHOUT_KEYWORD ? "" : `${keyword}: `);
}

function segment(marker: number, prefix: Uint8Array, content: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!fits(prefix, content)) return new Uint8Array();
  const size = prefix.length + content.length + 2;
  return concatenate(Uint8Array.of(0xff, marker, size >> 8, size & 255), prefix, content);
}

function fits(prefix: Uint8Array, content: Uint8Array): boolean {
  return prefix.length + content.length <= LONGEST;
}
