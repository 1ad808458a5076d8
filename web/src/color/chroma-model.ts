/**
 * From a small map of ab to chroma at any size, guided by luma: `tinct.runtime.upsample`.
 *
 * Within a small window chroma is nearly a linear function of luma. That function is fitted at half
 * the working size (guided filter, He, Sun and Tang 2013); its two coefficients are enlarged and
 * meet the luma of the picture (fast guided filter, He and Sun 2015).
 */
import { upsample } from "../constants.json";
import { chromaFromLab } from "./gamut";
import type { Plane } from "./plane";
import { enlarge, shrink } from "./resize";

/** `Cb = slopeCb * Y' + offsetCb`, and the same for Cr; planes that cover the whole picture. */
export interface ChromaModel {
  readonly slopeCb: Plane;
  readonly offsetCb: Plane;
  readonly slopeCr: Plane;
  readonly offsetCr: Plane;
}

/**
 * Fit chroma, as a function of luma, to what the network predicts.
 *
 * @param luma At working size, 0..1.
 * @param ab a of all cells, then b, in CIE units.
 * @param stride Size of luma over size of the map of ab; a multiple of the fit's own shrinking.
 * @param factor That shrinking.
 */
export function fitChroma(luma: Plane, ab: Float32Array, stride: number, factor: number = upsample.fitShrink): ChromaModel {
  const small = shrink(luma, factor);
  const coarse = shrink(small, stride / factor);
  const [cb, cr] = chromaFromLab(coarse, ab).map((plane) => enlarge(plane, small.width, small.height));
  const window = new Window(small, Math.floor(upsample.windowRadius / factor));
  const [slopeCb, offsetCb] = window.fit(cb!);
  const [slopeCr, offsetCr] = window.fit(cr!);
  return { slopeCb, offsetCb, slopeCr, offsetCr };
}

/** The windows around all pixels of a picture, in which chroma is a linear function of luma. */
class Window {
  private readonly meanLuma: Float32Array;
  private readonly variance: Float32Array;

  constructor(
    private readonly luma: Plane,
    private readonly radius: number,
  ) {
    const { data } = luma;
    const squares = new Float32Array(data.length);
    for (let i = 0; i < data.length; i++) squares[i] = data[i]! * data[i]!;
    this.meanLuma = this.mean(data);
    this.variance = this.mean(squares);
    const { meanLuma, variance } = this;
    for (let i = 0; i < variance.length; i++) variance[i]! += upsample.epsilon - meanLuma[i]! ** 2;
  }

  /** Return slope and offset of chroma over luma. */
  fit(start: Plane): [Plane, Plane] {
    const { width, height } = this.luma;
    let [chroma, slope, offset] = [start.data, start.data, start.data];
    for (let round = 0; round < upsample.fitRounds; round++) {
      const [slopes, offsets] = this.fitEach(chroma);
      [slope, offset] = [this.mean(slopes), this.mean(offsets)];
      if (round + 1 < upsample.fitRounds) chroma = this.evaluate(slope, offset);
    }
    return [{ width, height, data: slope }, { width, height, data: offset }];
  }

  /** Fit slope and offset in the window around each pixel. */
  private fitEach(chroma: Float32Array): [Float32Array, Float32Array] {
    const { luma: { data: luma }, meanLuma, variance } = this;
    const count = luma.length;
    const products = new Float32Array(count);
    for (let i = 0; i < count; i++) products[i] = chroma[i]! * luma[i]!;
    const [slopes, offsets] = [this.mean(products), this.mean(chroma)]; // means of product and chroma, until they are used
    for (let i = 0; i < count; i++) {
      const slope = (slopes[i]! - offsets[i]! * meanLuma[i]!) / variance[i]!;
      slopes[i] = slope;
      offsets[i]! -= slope * meanLuma[i]!;
    }
    return [slopes, offsets];
  }

  private evaluate(slope: Float32Array, offset: Float32Array): Float32Array {
    const { data: luma } = this.luma;
    const chroma = new Float32Array(luma.length);
    for (let i = 0; i < chroma.length; i++) chroma[i] = slope[i]! * luma[i]! + offset[i]!;
    return chroma;
  }

  private mean(data: Float32Array): Float32Array {
    const { width, height } = this.luma;
    return boxMean({ width, height, data }, this.radius).data;
  }
}

/** Mean over a square window; beyond its edges the picture is mirrored (BORDER_REFLECT). */
export function boxMean({ width, height, data }: Plane, radius: number): Plane {
  const across = new Float32Array(data.length);
  for (let y = 0; y < height; y++) meanOfRow(data, across, y * width, width, radius);
  return { width, height, data: meanOfColumns(across, width, height, radius) };
}

function meanOfRow(from: Float32Array, to: Float32Array, start: number, width: number, radius: number): void {
  const share = 1 / (2 * radius + 1);
  let sum = 0;
  for (let x = -radius; x <= radius; x++) sum += from[start + mirrored(x, width)]!;
  for (let x = 0; x < width; x++) {
    to[start + x] = sum * share;
    const next = x + radius + 1;
    const past = x - radius;
    if (past >= 0 && next < width) sum += from[start + next]! - from[start + past]!;
    else sum += from[start + mirrored(next, width)]! - from[start + mirrored(past, width)]!;
  }
}

/** All columns at once, row by row: so memory is read in its order. */
function meanOfColumns(data: Float32Array, width: number, height: number, radius: number): Float32Array {
  const share = 1 / (2 * radius + 1);
  const result = new Float32Array(data.length);
  const sums = new Float64Array(width);
  for (let y = -radius; y <= radius; y++) {
    const row = mirrored(y, height) * width;
    for (let x = 0; x < width; x++) sums[x]! += data[row + x]!;
  }
  for (let y = 0, to = 0; y < height; y++) {
    const next = mirrored(y + radius + 1, height) * width;
    const past = mirrored(y - radius, height) * width;
    for (let x = 0; x < width; x++, to++) {
      const sum = sums[x]!;
      result[to] = sum * share;
      sums[x] = sum + data[next + x]! - data[past + x]!;
    }
  }
  return result;
}

function mirrored(index: number, count: number): number {
  let inside = index;
  while (inside < 0 || inside >= count) inside = inside < 0 ? -1 - inside : 2 * count - 1 - inside;
  return inside;
}
