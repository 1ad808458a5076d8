/**
 * TIFF, which browsers do not read (but Safari): decoded by geotiff, and handed on as BMP, which all of them do. What
 * decodes it is fetched when the first TIFF comes.
 */
import type { GeoTIFFImage } from "geotiff";
import { PictureError } from "../messages";
import { checkSize } from "./picture";

/** Values of PhotometricInterpretation. */
const [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB] = [0, 1, 2] as const;
const FLOAT = 3; // of SampleFormat
/** Bytes of the headers of a BMP, BITMAPFILEHEADER and BITMAPINFOHEADER; and colors of its palette. */
const [FILE_HEADER, INFO_HEADER, GRAYS] = [14, 40, 256] as const;
const HEADERS = FILE_HEADER + INFO_HEADER;

/** Rows of a picture that stands as its file says: number of its first sample, and the steps to the right and down. */
interface Scan {
  readonly width: number;
  readonly height: number;
  readonly origin: number;
  readonly right: number;
  readonly down: number;
}

/**
 * Read the first page of a TIFF: upright, 8 bits, gray or RGB, as BMP. Color profiles do not count.
 *
 * @throws PictureError
 */
export async function readTiff(file: File): Promise<File> {
  try {
    const { fromArrayBuffer } = await import("geotiff");
    const image = await (await fromArrayBuffer(await file.arrayBuffer())).getImage();
    const [width, height] = [image.getWidth(), image.getHeight()];
    checkSize({ width, height });
    const scan = scanOf(width, height, Number((await image.fileDirectory.loadValue("Orientation")) ?? 1));
    const photometric = Number(image.fileDirectory.getValue("PhotometricInterpretation"));
    const isGray = photometric === WHITE_IS_ZERO || photometric === BLACK_IS_ZERO;
    const bytes = isGray ? await grayBitmap(image, scan, photometric === WHITE_IS_ZERO) : await colorBitmap(image, scan, photometric === RGB);
    return new File([bytes], file.name, { type: "image/bmp", lastModified: file.lastModified });
  } catch (error) {
    throw error instanceof PictureError ? error : new PictureError("unreadable", String(error));
  }
}

function scanOf(width: number, height: number, orientation: number): Scan {
  const last = width * height - 1;
  const steps: Record<number, readonly [number, number, number]> = {
    2: [width - 1, -1, width],
    3: [last, -1, -width],
    4: [last - width + 1, 1, -width],
    5: [0, width, 1],
    6: [last - width + 1, -width, 1],
    7: [last, -width, -1],
    8: [width - 1, width, -1],
  };
  const [origin, right, down] = steps[orientation] ?? [0, 1, width];
  const isTurned = Math.abs(down) === 1 && orientation >= 5;
  return { width: isTurned ? height : width, height: isTurned ? width : height, origin, right, down };
}

async function grayBitmap(image: GeoTIFFImage, scan: Scan, isNegative: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const samples = (await image.readRasters({ samples: [0], interleave: true })) as ArrayLike<number>;
  const scale = 255 / whiteOf(image);
  const [bytes, pixels, stride] = bitmap(scan, 1);
  for (let y = 0; y < scan.height; y++) {
    for (let x = 0, from = scan.origin + y * scan.down; x < scan.width; x++, from += scan.right) {
      const value = samples[from]! * scale;
      pixels[y * stride + x] = isNegative ? 255 - value : value;
    }
  }
  return bytes;
}

async function colorBitmap(image: GeoTIFFImage, scan: Scan, isRgb: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const samples = (isRgb
    ? await image.readRasters({ samples: [0, 1, 2], interleave: true })
    : await image.readRGB({ interleave: true })) as ArrayLike<number>;
  const scale = isRgb ? 255 / whiteOf(image) : 1;
  const [bytes, pixels, stride] = bitmap(scan, 3);
  for (let y = 0; y < scan.height; y++) {
    for (let x = 0, from = 3 * (scan.origin + y * scan.down), to = y * stride; x < scan.width; x++, from += 3 * scan.right, to += 3) {
      for (let channel = 0; channel < 3; channel++) pixels[to + 2 - channel] = samples[from + channel]! * scale;
    }
  }
  return bytes;
}

function whiteOf(image: GeoTIFFImage): number {
  return image.getSampleFormat() === FLOAT ? 1 : 2 ** image.getBitsPerSample() - 1;
}

/** Make an empty BMP: the whole file, its pixels, from the top, blue first, and the bytes of a row of these. */
function bitmap({ width, height }: Scan, channels: 1 | 3): [Uint8Array<ArrayBuffer>, Uint8ClampedArray, number] {
  const stride = Math.ceil((width * channels) / 4) * 4;
  const begin = HEADERS + (channels === 1 ? 4 * GRAYS : 0);
  const bytes = new Uint8Array(begin + stride * height);
  const header = new DataView(bytes.buffer);
  header.setUint16(0, 0x424d); // "BM"
  header.setUint32(2, bytes.length, true);
  header.setUint32(10, begin, true);
  header.setUint32(FILE_HEADER, INFO_HEADER, true);
  header.setInt32(18, width, true);
  header.setInt32(22, -height, true); // from the top
  header.setUint16(26, 1, true); // planes
  header.setUint16(28, 8 * channels, true); // bits of a pixel
  if (channels === 1) for (let code = 0; code < GRAYS; code++) bytes.fill(code, HEADERS + 4 * code, HEADERS + 4 * code + 3);
  return [bytes, new Uint8ClampedArray(bytes.buffer, begin), stride];
}
