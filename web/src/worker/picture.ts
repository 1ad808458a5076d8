/** A picture as the worker holds it: its luma at full size, and smaller views of it. */
import { clamp } from "../arithmetic";
import type { Bytes } from "../color/plane";
import type { Area, ViewSize } from "../messages";
import { LONGEST_SIDE, MOST_PIXELS, PictureError } from "../messages";

const HEIC = /\.(heic|heif|hif)$/i;
const STRIP_PIXELS = 1 << 20; // read at a time, so that pixels of 4 bytes exist of a strip alone
/** Of views: for a button of the row; for what follows a dragged slider; for the largest stage. */
const VIEW_PIXELS: Record<ViewSize, number> = { thumbnail: 40e3, draft: 400e3, fine: 2e6 };
/** Of BT.601 luma in 32768ths, as OpenCV has them, which add up to one; and a half, so that it rounds. */
const [LUMA_RED, LUMA_GREEN, LUMA_BLUE, LUMA_BITS, LUMA_HALF] = [9798, 19235, 3735, 15, 16384] as const;

/** What is left of a picture without its colors, at some size. */
export interface Gray {
  readonly luma: Bytes;
  /** Opacity; null where nothing is transparent. */
  readonly alpha: Uint8Array | null;
}

export class Picture implements Gray {
  private readonly views = new Map<ViewSize, Gray>();

  private constructor(
    readonly luma: Bytes,
    readonly alpha: Uint8Array | null,
    private readonly fine: OffscreenCanvas,
    private readonly file: File,
  ) {}

  /** Decode a file, upright and in sRGB, by the browser. */
  static async read(file: File): Promise<Picture> {
    const bitmap = await decode(file);
    try {
      const { luma, alpha } = readGray(bitmap);
      return new Picture(luma, alpha, scaled(bitmap, VIEW_PIXELS.fine), file);
    } finally {
      bitmap.close();
    }
  }

  get width(): number {
    return this.luma.width;
  }

  get height(): number {
    return this.luma.height;
  }

  /** Return the picture as it was, at the size of the finest view. */
  before(): Promise<ImageBitmap> {
    return createImageBitmap(this.fine);
  }

  /** Return an area of the picture as it was, pixel by pixel. */
  detail({ left, top, width, height }: Area): Promise<ImageBitmap> {
    return createImageBitmap(this.file, left, top, width, height);
  }

  /** Return it in gray at the size of a view. */
  view(size: ViewSize): Gray {
    let view = this.views.get(size);
    if (view === undefined) {
      const canvas = size === "fine" ? this.fine : scaled(this.fine, VIEW_PIXELS[size]);
      view = readGray(canvas);
      this.views.set(size, view);
    }
    return view;
  }
}

/** Decode a file, upright and in sRGB, by the browser; the caller closes the result. */
export async function decode(file: File): Promise<ImageBitmap> {
  const bitmap = await createImageBitmap(file).catch((error: unknown) => {
    throw new PictureError(HEIC.test(file.name) ? "unreadableHeic" : "unreadable", String(error));
  });
  try {
    checkSize(bitmap);
  } catch (error) {
    bitmap.close();
    throw error;
  }
  return bitmap;
}

/** @throws PictureError No browser has room for a picture of this size. */
export function checkSize({ width, height }: { readonly width: number; readonly height: number }): void {
  if (width * height > MOST_PIXELS || Math.max(width, height) > LONGEST_SIDE) throw new PictureError("tooLarge", `${width} x ${height}`);
}

/** Draw a picture so that it has no more pixels than these. */
function scaled(source: ImageBitmap | OffscreenCanvas, most: number): OffscreenCanvas {
  const scale = Math.min(Math.sqrt(most / (source.width * source.height)), 1);
  const width = Math.max(Math.round(source.width * scale), 1);
  const height = Math.max(Math.round(source.height * scale), 1);
  const canvas = new OffscreenCanvas(width, height);
  const context = context2d(canvas);
  context.imageSmoothingQuality = "medium";
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

export function context2d(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new PictureError("tooLarge", `${canvas.width} x ${canvas.height}`);
  return context;
}

/** Return BT.601 luma, and alpha where anything is transparent. */
export function readGray(source: ImageBitmap | OffscreenCanvas): Gray {
  const { width, height } = source;
  const data = new Uint8Array(width * height);
  let alpha: Uint8Array | null = null;
  eachStrip(source, (strip, top) => {
    // Pixel by pixel, not byte by byte; red is the lowest byte.
    const pixels = new Uint32Array(strip.data.buffer);
    const begin = top * width;
    if (writeLuma(pixels, data.subarray(begin, begin + pixels.length))) return;
    alpha ??= new Uint8Array(width * height).fill(255);
    pixels.forEach((pixel, index) => (alpha![begin + index] = pixel >>> 24));
  });
  return { luma: { width, height, data }, alpha };
}

/** Give the pixels of a picture some rows at a time: these, the number of the first, and how many. */
export function eachStrip(source: ImageBitmap | OffscreenCanvas, take: (strip: ImageData, top: number, rows: number) => void): void {
  const { width, height } = source;
  const most = clamp(Math.floor(STRIP_PIXELS / width), 1, height);
  const read = source instanceof OffscreenCanvas ? readerOfCanvas(source) : readerOfBitmap(source, most);
  for (let top = 0; top < height; top += most) {
    const rows = Math.min(most, height - top);
    take(read(top, rows), top, rows);
  }
}

/** Returns rows of a picture. */
type RowReader = (top: number, count: number) => ImageData;

function readerOfCanvas(canvas: OffscreenCanvas): RowReader {
  const context = context2d(canvas);
  return (top, count) => context.getImageData(0, top, canvas.width, count);
}

function readerOfBitmap(bitmap: ImageBitmap, mostRows: number): RowReader {
  const { width } = bitmap;
  const context = context2d(new OffscreenCanvas(width, mostRows));
  context.globalCompositeOperation = "copy";
  return (top, count) => {
    context.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    return context.getImageData(0, 0, width, count);
  };
}

/** Return BT.601 luma of pixels; alpha does not count. */
export function lumaOf({ data }: ImageData): Uint8Array {
  const pixels = new Uint32Array(data.buffer);
  const luma = new Uint8Array(pixels.length);
  writeLuma(pixels, luma);
  return luma;
}

/** Write the luma of pixels; returns whether all of them are opaque. */
function writeLuma(pixels: Uint32Array, luma: Uint8Array): boolean {
  let all = -1;
  for (let i = 0; i < luma.length; i++) {
    const pixel = pixels[i]! | 0;
    luma[i] = ((pixel & 255) * LUMA_RED + ((pixel >> 8) & 255) * LUMA_GREEN + ((pixel >> 16) & 255) * LUMA_BLUE + LUMA_HALF) >> LUMA_BITS;
    all &= pixel;
  }
  return all >>> 24 === 255;
}
