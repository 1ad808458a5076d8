/** From the a, b of the network and the luma of the picture to Cb, Cr: `tinct.gamut`. */
import { clamp } from "../arithmetic";
import { color, gamut } from "../constants.json";
import { LIGHTNESS_OF_LUMA, uncurve } from "./lightness";
import type { Plane } from "./plane";
import { makePlane } from "./plane";

const [WEIGHT_RED, WEIGHT_GREEN, WEIGHT_BLUE] = color.lumaWeights as [number, number, number];
const [ROW_RED, ROW_GREEN, ROW_BLUE] = color.linearRgbFromRelative as [number[], number[], number[]];

/** R' - Y' of one Cr, B' - Y' of one Cb, and what both take from G'. */
export const RED_CR = 2 * (1 - WEIGHT_RED);
export const BLUE_CB = 2 * (1 - WEIGHT_BLUE);
export const GREEN_CB = (-BLUE_CB * WEIGHT_BLUE) / WEIGHT_GREEN;
export const GREEN_CR = (-RED_CR * WEIGHT_RED) / WEIGHT_GREEN;

const SMALLEST = 1e-9; // stands for 0 in divisions

/** Return by what Cb and Cr must be divided for R'G'B' to lie in 0..1; 1 where they do. */
export function excessOf(cb: number, cr: number, luma: number): number {
  const red = cr * RED_CR;
  const blue = cb * BLUE_CB;
  const green = cb * GREEN_CB + cr * GREEN_CR;
  const above = Math.max(red, green, blue) / Math.max(1 - luma, SMALLEST);
  const below = Math.min(red, green, blue) / Math.min(-luma, -SMALLEST);
  return Math.max(above, below, 1);
}

/**
 * Return the chroma of the colors that have this luma and these a, b, as far as sRGB shows them.
 *
 * @param luma 0..1, of the size of the map of ab.
 * @param ab a of all cells, then b of all cells, in CIE units.
 */
export function chromaFromLab(luma: Plane, ab: Float32Array): [Plane, Plane] {
  const cb = makePlane(luma.width, luma.height);
  const cr = makePlane(luma.width, luma.height);
  const count = luma.data.length;
  for (let i = 0; i < count; i++) {
    const color = chromaOf(luma.data[i]!, ab[i]!, ab[count + i]!);
    cb.data[i] = color[0];
    cr.data[i] = color[1];
  }
  return [cb, cr];
}

const encoded = new Float64Array(6); // of the color that is being solved

/** Return Cb and Cr of the color that has this luma and these a, b, as far as sRGB shows it. */
export function chromaOf(luma: number, a: number, b: number): [number, number] {
  solveLightness(luma, a, b, encoded);
  const own = WEIGHT_RED * encoded[0]! + WEIGHT_GREEN * encoded[1]! + WEIGHT_BLUE * encoded[2]!;
  const cb = (encoded[2]! - own) / BLUE_CB;
  const cr = (encoded[0]! - own) / RED_CR;
  const excess = excessOf(cb, cr, luma);
  return [cb / excess, cr / excess];
}

/**
 * Find the L* at which a color with these a, b has this luma, by Newton's method within a bracket.
 *
 * @param encoded Receives R'G'B' of that color, not limited to the gamut, and their derivatives by L*.
 * @returns L*, 0..100: exact to 0.0005 in luma, or the nearer end where no L* has that luma.
 */
export function solveLightness(target: number, a: number, b: number, encoded: Float64Array): number {
  let lightness = LIGHTNESS_OF_LUMA[clamp(Math.round(target * 255), 0, 255)]!;
  let low = -1;
  let high = 101; // 0 and 100 are untried
  for (let round = 0; round < gamut.maxRounds; round++) {
    encode(lightness, a / 500, b / -200, encoded);
    const luma = WEIGHT_RED * encoded[0]! + WEIGHT_GREEN * encoded[1]! + WEIGHT_BLUE * encoded[2]!;
    const error = luma - target;
    if (error < 0) low = lightness;
    else high = lightness;
    if (Math.abs(error) <= gamut.lumaTolerance || high - low <= gamut.lightnessTolerance || low >= 100 || high <= 0) {
      break;
    }
    const slope = WEIGHT_RED * encoded[3]! + WEIGHT_GREEN * encoded[4]! + WEIGHT_BLUE * encoded[5]!;
    const newton = clamp(lightness - error / Math.max(slope, gamut.leastSlope), 0, 100);
    const halve = round >= gamut.newtonRounds && round % 2 === 0;
    const chosen = !halve && newton > low && newton < high ? newton : (low + high) / 2;
    lightness = clamp(chosen, 0, 100);
  }
  return lightness;
}

/** Write encoded R'G'B' of a color and their derivatives by L* into `encoded`. */
function encode(lightness: number, xTerm: number, zTerm: number, encoded: Float64Array): void {
  const y = (lightness + 16) / 116;
  const x = uncurve(y + xTerm);
  const z = uncurve(y + zTerm);
  const middle = uncurve(y);
  const growthX = uncurveSlope(y + xTerm);
  const growthZ = uncurveSlope(y + zTerm);
  const growthY = uncurveSlope(y);
  for (let channel = 0; channel < 3; channel++) {
    const row = channel === 0 ? ROW_RED : channel === 1 ? ROW_GREEN : ROW_BLUE;
    const linear = middle + (x - middle) * row[0]! + (z - middle) * row[2]!;
    const growth = growthY + (growthX - growthY) * row[0]! + (growthZ - growthY) * row[2]!;
    const size = Math.abs(linear);
    if (size <= color.kneeLinear) {
      encoded[channel] = linear * color.slope;
      encoded[3 + channel] = (growth * color.slope) / 116;
    } else {
      // size ** (1 / 2.4), in a third of the time.
      const root = Math.cbrt(size * Math.sqrt(Math.sqrt(size))) * (1 + color.offset);
      encoded[channel] = Math.sign(linear) * (root - color.offset);
      encoded[3 + channel] = (growth * root) / (size * color.power * 116);
    }
  }
}

/** Return the slope of `uncurve`. */
function uncurveSlope(value: number): number {
  const bounded = Math.max(value, color.delta);
  return 3 * bounded * bounded;
}
