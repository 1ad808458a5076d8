/** Pictures to other sizes, with the sampling of OpenCV, in which Python does it. */
import { clamp, roundHalfToEven } from "../arithmetic";
import { colorizer } from "../constants.json";
import type { Bytes, Plane } from "./plane";
import { makePlane } from "./plane";

/** Width and height. */
export type Size = readonly [number, number];

/** What a model states of the size at which it works. */
interface WorkingSize {
  readonly shortSide: number;
  readonly multiple: number;
}

/** Return the size, (width, height), at which a network gets a picture. */
export function workingSize(width: number, height: number, spec: WorkingSize): [number, number] {
  const scale = spec.shortSide / Math.min(width, height);
  const side = (length: number): number => {
    const bounded = Math.min(length * scale, spec.shortSide * colorizer.maxAspect);
    return Math.max(roundHalfToEven(bounded / spec.multiple), 1) * spec.multiple;
  };
  return [side(width), side(height)];
}

/**
 * Bring luma to working size, `tinct.runtime.colorizer.working_luma`.
 *
 * Like OpenCV, each step rounds to whole 8-bit numbers.
 *
 * @returns Luma, 0..1.
 */
export function workingLuma(luma: Bytes, spec: WorkingSize): Plane {
  const [width, height] = workingSize(luma.width, luma.height, spec);
  let small = luma;
  while (small.width >= 2 * width && small.height >= 2 * height) small = halve(small);
  const grows = width * height >= luma.width * luma.height;
  const across = taps(small.width, width, grows, small.height >= height);
  const down = taps(small.height, height, grows, small.width >= width);
  const result = resample(small, across, down);
  const { data } = result;
  for (let i = 0; i < data.length; i++) data[i] = roundHalfToEven(data[i]!) / 255;
  return result;
}

/** Average 2x2 pixels; an odd last row or column is left out. */
export function halve(bytes: Bytes): Bytes {
  const { data: from, width: row } = bytes;
  const width = row >> 1;
  const height = bytes.height >> 1;
  const data = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    let above = 2 * y * row;
    let below = above + row;
    for (let x = 0; x < width; x++, i++, above += 2, below += 2) {
      data[i] = (from[above]! + from[above + 1]! + from[below]! + from[below + 1]! + 2) >> 2;
    }
  }
  return { width, height, data };
}

/** Average squares of `factor` pixels; the sides are multiples of it. */
export function shrink(plane: Plane, factor: number): Plane {
  const result = makePlane(plane.width / factor, plane.height / factor);
  const share = 1 / (factor * factor);
  for (let y = 0, i = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++, i++) {
      let sum = 0;
      for (let dy = 0; dy < factor; dy++) {
        const row = (y * factor + dy) * plane.width + x * factor;
        for (let dx = 0; dx < factor; dx++) sum += plane.data[row + dx]!;
      }
      result.data[i] = sum * share;
    }
  }
  return result;
}

/** Enlarge linearly to a size, between the centers of pixels. */
export function enlarge(plane: Plane, width: number, height: number): Plane {
  return resample(plane, linearTaps(plane.width, width), linearTaps(plane.height, height));
}

/** Which source samples one output sample is made of: `weights[i]` of sample `first + i`. */
interface Tap {
  readonly first: number;
  readonly weights: readonly number[];
}

function taps(from: number, to: number, grows: boolean, otherShrinks: boolean): Tap[] {
  if (grows) return linearTaps(from, to);
  // OpenCV averages areas only if neither side grows; else its areas become two weights.
  return from >= to && otherShrinks ? areaTaps(from, to) : growingAreaTaps(from, to);
}

/** Linear interpolation between centers (INTER_LINEAR). */
function linearTaps(from: number, to: number): Tap[] {
  return Array.from({ length: to }, (_, index) => {
    const center = clamp(((index + 0.5) * from) / to - 0.5, 0, from - 1);
    return between(Math.floor(center), center - Math.floor(center), from);
  });
}

const TOUCHING = 1e-9; // samples: an area that reaches no further into one does not cover it

/** Averages over the area under each output sample (INTER_AREA). */
function areaTaps(from: number, to: number): Tap[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const begin = index * scale;
    const end = Math.min(begin + scale, from);
    const first = Math.floor(begin + TOUCHING);
    const last = Math.min(Math.ceil(end - TOUCHING), from);
    const weights = [];
    for (let i = first; i < last; i++) {
      weights.push((Math.min(i + 1, end) - Math.max(i, begin)) / (end - begin));
    }
    return { first, weights };
  });
}

/** What INTER_AREA does where a side grows. */
function growingAreaTaps(from: number, to: number): Tap[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const first = Math.floor(index * scale);
    const over = index + 1 - (first + 1) / scale;
    return between(Math.min(first, from - 1), over <= 0 ? 0 : over - Math.floor(over), from);
  });
}

function between(first: number, weight: number, from: number): Tap {
  return weight === 0 || first + 1 >= from ? { first, weights: [1] } : { first, weights: [1 - weight, weight] };
}

function resample(source: Bytes | Plane, across: readonly Tap[], down: readonly Tap[]): Plane {
  const resampler = new Resampler(source.height, across, down);
  resampler.add(source.data, source.width, source.height);
  return resampler.finish();
}

/** Brings a channel to another size while its rows come in, so that no more of them than these need be in memory. */
export class Resampler {
  private readonly narrow: Plane;
  private readonly across: PackedTaps;
  private readonly down: PackedTaps;
  /** Samples of one row: engines compile a loop best that sees arrays of one type alone. */
  private row = new Float32Array(0);
  private filled = 0;

  constructor(height: number, across: readonly Tap[], down: readonly Tap[]) {
    this.narrow = makePlane(across.length, height);
    [this.across, this.down] = [packed(across), packed(down)];
  }

  /** Make one that averages areas (INTER_AREA). */
  static ofArea([width, height]: Size, [toWidth, toHeight]: Size): Resampler {
    const across = taps(width, toWidth, false, height >= toHeight);
    return new Resampler(height, across, taps(height, toHeight, false, width >= toWidth));
  }

  /**
   * Take the next rows.
   *
   * @param samples Of the channel, `step` apart, from number `first` on.
   */
  add(samples: Uint8Array | Uint8ClampedArray | Float32Array, width: number, rows: number, first = 0, step = 1): void {
    const { width: columns, data } = this.narrow;
    if (this.row.length !== width) this.row = new Float32Array(width);
    for (let row = 0; row < rows; row++) {
      const begin = first + row * width * step;
      if (step === 1) this.row.set(samples.subarray(begin, begin + width));
      else for (let x = 0; x < width; x++) this.row[x] = samples[begin + x * step]!;
      narrowRow(this.row, this.across, data, (this.filled + row) * columns);
    }
    this.filled += rows;
  }

  finish(): Plane {
    const { width, data } = this.narrow;
    const { firsts, ends, weights } = this.down;
    const result = makePlane(width, firsts.length);
    const sums = new Float64Array(width);
    for (let y = 0, k = 0; y < firsts.length; y++) {
      sums.fill(0);
      for (let from = firsts[y]! * width; k < ends[y]!; k++, from += width) addRow(data, from, weights[k]!, sums);
      result.data.set(sums, y * width);
    }
    return result;
  }
}

/** Taps one behind the other: engines read lists of numbers many times as fast as lists of objects. */
interface PackedTaps {
  readonly firsts: Int32Array;
  /** Number of the weight behind the last one of each. */
  readonly ends: Int32Array;
  readonly weights: Float64Array;
}

function packed(taps: readonly Tap[]): PackedTaps {
  const firsts = Int32Array.from(taps, ({ first }) => first);
  let end = 0;
  const ends = Int32Array.from(taps, ({ weights }) => (end += weights.length));
  return { firsts, ends, weights: Float64Array.from(taps.flatMap(({ weights }) => weights)) };
}

function narrowRow(row: Float32Array, { firsts, ends, weights }: PackedTaps, to: Float32Array, start: number): void {
  for (let x = 0, k = 0; x < firsts.length; x++) {
    const end = ends[x]!;
    let sum = 0;
    for (let at = firsts[x]!; k < end; k++, at++) sum += weights[k]! * row[at]!;
    to[start + x] = sum;
  }
}

function addRow(from: Float32Array, begin: number, weight: number, sums: Float64Array): void {
  for (let x = 0; x < sums.length; x++) sums[x]! += weight * from[begin + x]!;
}
