/** Metadata of a picture, taken from the file of the original into that of the result. */
import { isOnItsSide, upright } from "./exif";
import { readJpeg, tooLong, writeJpeg } from "./jpeg";
import { readPng, writePng } from "./png";
import { isWebp, readWebp, withoutRoom, writeWebp } from "./webp";
import { markColored } from "./xmp";

/** A text beside the picture: a comment of a JPEG, a text chunk of a PNG. */
export interface Comment {
  /** "Comment" where the format knows none. */
  readonly keyword: string;
  /** UTF-8; of a JPEG the bytes as they are. */
  readonly text: Uint8Array;
}

export interface Metadata {
  /** The TIFF structure of EXIF. */
  readonly exif?: Uint8Array;
  /** An XMP packet, UTF-8. */
  readonly xmp?: Uint8Array;
  /** Image resources of Photoshop, IPTC among them, without thumbnails. */
  readonly photoshop?: Uint8Array;
  readonly comments?: readonly Comment[];
  /** Pixels per meter, across and down. */
  readonly density?: readonly [number, number];
  /** Names of what was not read. */
  readonly lost?: readonly string[];
}

/** Metadata while they are read. */
export type Found = { -readonly [key in keyof Metadata]: Metadata[key] };

/** Read the metadata of a JPEG, PNG or WebP, of damaged ones what there is; null of anything else. */
export async function readMetadata(bytes: Uint8Array): Promise<Metadata | null> {
  for (const read of [readJpeg, readPng, readWebp]) {
    const metadata = await read(bytes);
    if (metadata !== null) return metadata;
  }
  return null;
}

/**
 * Write metadata of the original into an encoded result, and that it was colored.
 *
 * The colors of the result are sRGB and it stands upright: the original's color profile and
 * thumbnail are left out, its orientation becomes 1.
 *
 * @param result JPEG, PNG or WebP, as the browser wrote it.
 * @param model Name of the network.
 * @returns The result, and the names of what it could not take.
 */
export function withMetadata(
  result: Uint8Array, original: Metadata, model: string, size: readonly [number, number],
): { bytes: Uint8Array<ArrayBuffer>; leftOut: readonly string[] } {
  const metadata: Metadata = {
    ...original,
    ...(original.exif === undefined ? {} : { exif: upright(original.exif, size) }),
    ...(original.density === undefined ? {} : { density: uprightDensity(original.density, original.exif) }),
    xmp: markColored(original.xmp, model),
  };
  const { lost = [] } = original;
  if (isWebp(result)) return { bytes: writeWebp(result, metadata, size), leftOut: [...lost, ...withoutRoom(metadata)] };
  if (result[0] !== 0xff) return { bytes: writePng(result, metadata), leftOut: lost };
  const leftOut = tooLong(metadata);
  const marked = leftOut.includes("XMP") ? { ...metadata, xmp: markColored(undefined, model) } : metadata; // the mark stays
  return { bytes: writeJpeg(result, marked), leftOut: [...lost, ...leftOut] };
}

function uprightDensity([across, down]: readonly [number, number], exif: Uint8Array | undefined): readonly [number, number] {
  return exif !== undefined && isOnItsSide(exif) ? [down, across] : [across, down];
}
