/**
 * Whether a picture has colors of its own, or is gray, perhaps toned or taken under colored light:
 * `tinct.photographs.in_color`, which explains how.
 */
import { roundHalfToEven } from "../arithmetic";
import { color, inColor as numbers } from "../constants.json";
import { LinearSystem } from "../hints/linear-system";
import type { Plane } from "./plane";
import { Resampler, type Size } from "./resize";

const [WEIGHT_RED, WEIGHT_GREEN, WEIGHT_BLUE] = color.lumaWeights as [number, number, number];
const CR_OF_RED = 0.713; // OpenCV's, of R' - Y' and B' - Y'
const CB_OF_BLUE = 0.564;

/** Return the size at which the colors of a picture are examined. */
export function examinedSize(size: Size): Size {
  return withShortSide(size, numbers.fine);
}

/** @param colors Red, green and blue of the picture at that size, 0..255. */
export function isInColor(colors: readonly Plane[]): boolean {
  return ownColor(colors) >= numbers.threshold;
}

function ownColor([red, green, blue]: readonly Plane[]): number {
  const { width, height } = red!;
  const luma = new Float32Array(red!.data.length);
  const [cr, cb] = [luma.slice(), luma.slice()];
  for (let i = 0; i < luma.length; i++) {
    luma[i] = (WEIGHT_RED * red!.data[i]! + WEIGHT_GREEN * green!.data[i]! + WEIGHT_BLUE * blue!.data[i]!) / 255;
    cr[i] = (red!.data[i]! / 255 - luma[i]!) * CR_OF_RED;
    cb[i] = (blue!.data[i]! / 255 - luma[i]!) * CB_OF_BLUE;
  }
  const size = withShortSide([width, height], numbers.cells);
  const average = (samples: Float32Array): Float32Array => {
    const resampler = Resampler.ofArea([width, height], size);
    resampler.add(samples, width, height);
    return resampler.finish().data;
  };
  const knots = Array.from({ length: numbers.tones }, (_, knot) => knot);
  const tones = knots.map((knot) => average(luma.map((value) => Math.max(0, 1 - Math.abs(value * (numbers.tones - 1) - knot)))));
  const mean = average(luma);
  const chroma = [average(cr), average(cb)];
  const terms = Array.from(mean, (value, cell) => {
    const [x, y] = [fromMiddle(cell % size[0], size[0]), fromMiddle(Math.floor(cell / size[0]), size[1])];
    const place = [x, y, x * x, y * y, x * y];
    return [...tones.map((tone) => tone[cell]!), ...place, ...place.map((term) => term * value)];
  });
  const fitted = chroma.map((values) => explained(terms, values));
  const rest = Array.from(mean, (_, cell) => Math.hypot(...chroma.map((values, k) => values[cell]! - fitted[k]![cell]!)));
  const strength = terms.reduce((sum, _, cell) => sum + Math.hypot(...fitted.map((values) => values[cell]!)), 0) / terms.length;
  return (255 * percentile(rest, numbers.share)) / Math.hypot(1, (255 * strength) / numbers.strongTone);
}

/** Return what of some values a sum of terms explains, by least squares. */
function explained(terms: readonly number[][], values: Float32Array): number[] {
  const size = terms[0]!.length;
  const matrix = new Float64Array(size * size);
  const right = new Float64Array(size);
  terms.forEach((row, cell) => {
    row.forEach((one, i) => {
      right[i]! += one * values[cell]!;
      row.forEach((other, k) => (matrix[i * size + k]! += one * other));
    });
  });
  for (let i = 0; i < size; i++) matrix[i * size + i]! += numbers.regularization * terms.length;
  const factors = new LinearSystem(matrix, size).solve(right);
  return terms.map((row) => row.reduce((sum, term, i) => sum + term * factors[i]!, 0));
}

/** Return a percentile, interpolated as NumPy does. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const at = ((sorted.length - 1) * percent) / 100;
  const [below, above] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return below + (above - below) * (at - Math.floor(at));
}

/** Return -1..1 for the numbers of `count` cells. */
function fromMiddle(number: number, count: number): number {
  return count > 1 ? (2 * number) / (count - 1) - 1 : -1;
}

function withShortSide([width, height]: Size, shortSide: number): Size {
  const scale = Math.min(1, shortSide / Math.min(width, height));
  return [Math.max(roundHalfToEven(width * scale), 1), Math.max(roundHalfToEven(height * scale), 1)];
}
