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
import { makePlane } from "./plane";
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
 */
export function fitChroma(luma: Plane, ab: Float32Array, stride: number): ChromaModel {
  const small = shrink(luma, upsample.fitShrink);
  const coarse = shrink(small, stride / upsample.fitShrink);
  const [cb, cr] = chromaFromLab(coarse, ab).map((plane) => enlarge(plane, small.width, small.height));
  const window = new Window(small, Math.floor(upsample.windowRadius / upsample.fitShrink));
  const [slopeCb, offsetCb] = window.fit(cb!);
  const [slopeCr, offsetCr] = window.fit(cr!);
  return { slopeCb, offsetCb, slopeCr, offsetCr };
}

/** The windows around all pixels of a picture, in which chroma is a linear function of luma. */
class Window {
  private readonly meanLuma: Plane;
  private readonly variance: Plane;

  constructor(
    private readonly luma: Plane,
    private readonly radius: number,
  ) {
    this.meanLuma = boxMean(luma, radius);
    this.variance = boxMean(product(luma, luma), radius);
    const { data } = this.variance;
    for (let i = 0; i < data.length; i++) data[i]! += upsample.epsilon - this.meanLuma.data[i]! ** 2;
  }

  /** Return slope and offset of chroma over luma. */
  fit(start: Plane): [Plane, Plane] {
    const { luma, meanLuma, variance, radius } = this;
    const { width, height } = luma;
    let [chroma, slope, offset] = [start, start, start];
    for (let round = 0; round < upsample.fitRounds; round++) {
      const meanChroma = boxMean(chroma, radius);
      const meanProduct = boxMean(product(chroma, luma), radius);
      const slopes = makePlane(width, height);
      const offsets = makePlane(width, height);
      for (let i = 0; i < slopes.data.length; i++) {
        slopes.data[i] = (meanProduct.data[i]! - meanChroma.data[i]! * meanLuma.data[i]!) / variance.data[i]!;
        offsets.data[i] = meanChroma.data[i]! - slopes.data[i]! * meanLuma.data[i]!;
      }
      [slope, offset] = [boxMean(slopes, radius), boxMean(offsets, radius)];
      chroma = product(slope, luma);
      for (let i = 0; i < chroma.data.length; i++) chroma.data[i]! += offset.data[i]!;
    }
    return [slope, offset];
  }
}

function product(one: Plane, other: Plane): Plane {
  const result = makePlane(one.width, one.height);
  for (let i = 0; i < result.data.length; i++) result.data[i] = one.data[i]! * other.data[i]!;
  return result;
}

/** Mean over a square window; beyond its edges the picture is mirrored (BORDER_REFLECT). */
export function boxMean(plane: Plane, radius: number): Plane {
  const { width, height } = plane;
  const across = makePlane(width, height);
  for (let y = 0; y < height; y++) meanOfRow(plane.data, across.data, y * width, width, radius);
  return meanOfColumns(across, radius);
}

function meanOfRow(from: Float32Array, to: Float32Array, start: number, width: number, radius: number): void {
  const share = 1 / (2 * radius + 1);
  const at = (x: number): number => from[start + mirrored(x, width)]!;
  let sum = 0;
  for (let x = -radius; x <= radius; x++) sum += at(x);
  const inner = Math.max(width - radius - 1, 0); // where the window begins to reach beyond the right edge
  for (let x = 0; x < Math.min(radius, width); x++) {
    to[start + x] = sum * share;
    sum += at(x + radius + 1) - at(x - radius);
  }
  for (let x = radius; x < inner; x++) {
    to[start + x] = sum * share;
    sum += from[start + x + radius + 1]! - from[start + x - radius]!;
  }
  for (let x = Math.max(inner, radius); x < width; x++) {
    to[start + x] = sum * share;
    sum += at(x + radius + 1) - at(x - radius);
  }
}

/** All columns at once, row by row: so memory is read in its order. */
function meanOfColumns({ width, height, data }: Plane, radius: number): Plane {
  const share = 1 / (2 * radius + 1);
  const result = makePlane(width, height);
  const sums = new Float64Array(width);
  for (let y = -radius; y <= radius; y++) {
    const row = mirrored(y, height) * width;
    for (let x = 0; x < width; x++) sums[x]! += data[row + x]!;
  }
  for (let y = 0; y < height; y++) {
    const next = mirrored(y + radius + 1, height) * width;
    const past = mirrored(y - radius, height) * width;
    for (let x = 0; x < width; x++) {
      result.data[y * width + x] = sums[x]! * share;
      sums[x]! += data[next + x]! - data[past + x]!;
    }
  }
  return result;
}

function mirrored(index: number, count: number): number {
  let inside = index;
  while (inside < 0 || inside >= count) inside = inside < 0 ? -1 - inside : 2 * count - 1 - inside;
  return inside;
}
