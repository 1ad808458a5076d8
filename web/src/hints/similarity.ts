/** How alike places of a picture are, and what follows from known values for others: `tinct.runtime.similarity`. */
import { clamp } from "../arithmetic";
import { LinearSystem } from "./linear-system";

/** Places of a picture, as the heads of the branch for hints describe them. */
export interface Places {
  readonly count: number;
  readonly heads: number;
  /** Numbers of a key: those of the network, and row and column over the reach of the head. */
  readonly length: number;
  /** heads x count x length. */
  readonly keys: Float32Array;
  /** heads x count: logarithm of the strength, less half of the squared length of the key. */
  readonly offsets: Float32Array;
}

const LEAST_EXPONENT = -25; // 1e-11: most places are not alike, and an exponential takes as long as all the rest

export function makePlaces(count: number, heads: number, length: number): Places {
  return { count, heads, length, keys: new Float32Array(heads * count * length), offsets: new Float32Array(heads * count) };
}

/** Return how alike all of some places are to one, number `index`, of others; above 0. */
export function similarity(places: Places, others: Places, index: number): Float32Array {
  const { count, heads, length, keys } = places;
  const total = new Float32Array(count);
  for (let head = 0; head < heads; head++) {
    const at = (head * others.count + index) * length;
    const other = others.keys.subarray(at, at + length);
    const offset = others.offsets[head * others.count + index]!;
    for (let i = 0, key = head * count * length, own = head * count; i < count; i++, own++) {
      let exponent = offset + places.offsets[own]!;
      for (let k = 0; k < length; k++, key++) exponent += keys[key]! * other[k]!;
      if (exponent > LEAST_EXPONENT) total[i]! += Math.exp(exponent);
    }
  }
  return total;
}

/** Return how alike places are to themselves: the variance before anything is known. */
export function ownSimilarity({ count, heads, length, keys, offsets }: Places): Float64Array {
  const total = new Float64Array(count);
  for (let head = 0, key = 0, own = 0; head < heads; head++) {
    for (let i = 0; i < count; i++, own++) {
      let square = 0;
      for (let k = 0; k < length; k++, key++) square += keys[key]! ** 2;
      total[i]! += Math.exp(2 * offsets[own]! + square);
    }
  }
  return total;
}

/** Return some of the places. */
export function pick(places: Places, chosen: readonly number[]): Places {
  const result = makePlaces(chosen.length, places.heads, places.length);
  for (let head = 0; head < places.heads; head++) {
    chosen.forEach((index, i) => {
      const from = head * places.count + index;
      const to = head * chosen.length + i;
      result.keys.set(places.keys.subarray(from * places.length, (from + 1) * places.length), to * places.length);
      result.offsets[to] = places.offsets[from]!;
    });
  }
  return result;
}

/** Put places together that the same heads describe. */
export function join(parts: readonly Places[]): Places {
  const [{ heads, length }] = parts as [Places, ...Places[]];
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const result = makePlaces(count, heads, length);
  for (let head = 0, to = 0; head < heads; head++) {
    for (const part of parts) {
      const from = head * part.count;
      result.keys.set(part.keys.subarray(from * length, (from + part.count) * length), to * length);
      result.offsets.set(part.offsets.subarray(from, from + part.count), to);
      to += part.count;
    }
  }
  return result;
}

/** Finds the weights by which similarities to places add up to what is known there. */
export class Solver {
  private readonly system: LinearSystem;

  /** @param noise Variance that what is known leaves open. */
  constructor(places: Places, noise: number) {
    const size = places.count;
    const matrix = new Float64Array(size * size);
    for (let row = 0; row < size; row++) {
      matrix.set(similarity(places, places, row), row * size);
      matrix[row * size + row]! += noise;
    }
    this.system = new LinearSystem(matrix, size);
  }

  solve(values: ArrayLike<number>): Float64Array {
    return this.system.solve(values);
  }
}

/** Places of a map around a point between them, and how much each counts. */
type Around = readonly (readonly [index: number, weight: number])[];

/** Return the four places around a point; 0, 0 is the middle of the first, and beyond the border the border counts. */
export function around(width: number, height: number, row: number, column: number): Around {
  const down = clamp(row, 0, height - 1);
  const along = clamp(column, 0, width - 1);
  const top = Math.min(Math.floor(down), Math.max(height - 2, 0));
  const left = Math.min(Math.floor(along), Math.max(width - 2, 0));
  const bottom = Math.min(top + 1, height - 1);
  const right = Math.min(left + 1, width - 1);
  const [below, beside] = [down - top, along - left];
  return [
    [top * width + left, (1 - below) * (1 - beside)],
    [top * width + right, (1 - below) * beside],
    [bottom * width + left, below * (1 - beside)],
    [bottom * width + right, below * beside],
  ];
}

/** Read a map, or what is computed for its places, between them. */
export function sample(value: (index: number) => number, at: Around): number {
  return at.reduce((sum, [index, weight]) => sum + weight * value(index), 0);
}
