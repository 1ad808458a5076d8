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
  const radius = Math.floor(upsample.windowRadius / upsample.fitShrink);
  const [slopeCb, offsetCb] = fitPlane(small, cb!, radius);
  const [slopeCr, offsetCr] = fitPlane(small, cr!, radius);
  return { slopeCb, offsetCb, slopeCr, offsetCr };
}

/** Return slope and offset of chroma over luma in the window around each pixel. */
function fitPlane(luma: Plane, start: Plane, radius: number): [Plane, Plane] {
  const mean = (plane: Plane): Plane => boxMean(plane, radius);
  const meanLuma = mean(luma);
  const meanSquare = mean(combine((i) => luma.data[i]! ** 2, luma));
  const variance = combine((i) => meanSquare.data[i]! - meanLuma.data[i]! ** 2 + upsample.epsilon, luma);
  let chroma = start;
  let slope = start;
  let offset = start;
  for (let round = 0; round < upsample.fitRounds; round++) {
    const values = chroma.data;
    const meanChroma = mean(chroma);
    const meanProduct = mean(combine((i) => values[i]! * luma.data[i]!, luma));
    const windowSlope = combine(
      (i) => (meanProduct.data[i]! - meanChroma.data[i]! * meanLuma.data[i]!) / variance.data[i]!,
      luma,
    );
    slope = mean(windowSlope);
    offset = mean(combine((i) => meanChroma.data[i]! - windowSlope.data[i]! * meanLuma.data[i]!, luma));
    const [slopes, offsets] = [slope.data, offset.data];
    chroma = combine((i) => slopes[i]! * luma.data[i]! + offsets[i]!, luma);
  }
  return [slope, offset];
}

function combine(value: (index: number) => number, like: Plane): Plane {
  const result = makePlane(like.width, like.height);
  for (let i = 0; i < result.data.length; i++) result.data[i] = value(i);
  return result;
}

/** Mean over a square window; beyond its edges the picture is mirrored (BORDER_REFLECT). */
export function boxMean(plane: Plane, radius: number): Plane {
  const { width, height } = plane;
  const rows = makePlane(width, height);
  for (let y = 0; y < height; y++) meanAlong(plane.data, rows.data, y * width, 1, width, radius);
  const result = makePlane(width, height);
  for (let x = 0; x < width; x++) meanAlong(rows.data, result.data, x, width, height, radius);
  return result;
}

function meanAlong(
  from: Float32Array, to: Float32Array, start: number, step: number, count: number, radius: number,
): void {
  const share = 1 / (2 * radius + 1);
  const inner = count - radius - 1; // up to here nothing is mirrored
  let sum = 0;
  for (let i = -radius; i <= radius; i++) sum += from[start + step * mirrored(i, count)]!;
  for (let i = 0; i < count; i++) {
    to[start + step * i] = sum * share;
    const isInner = i >= radius && i < inner;
    const next = isInner ? i + radius + 1 : mirrored(i + radius + 1, count);
    const past = isInner ? i - radius : mirrored(i - radius, count);
    sum += from[start + step * next]! - from[start + step * past]!;
  }
}

function mirrored(index: number, count: number): number {
  let inside = index;
  while (inside < 0 || inside >= count) inside = inside < 0 ? -1 - inside : 2 * count - 1 - inside;
  return inside;
}
