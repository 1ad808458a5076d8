/** The colors that pictures in color have for others: `tinct.runtime.reference`. */
import { reference as numbers } from "../constants.json";
import { enlarge } from "../color/resize";
import { type Description, type HintSpec, placesOf } from "./propagation";
import { ownSimilarity, type Places, similarity } from "./similarity";

/** Colors of the cells of a map: a of all of them, then b, in CIE units; and confidence, 0..1. */
export interface Prediction {
  readonly ab: Float32Array;
  readonly confidence: Float32Array;
}

/** The colors that a reference has for all places of a picture. */
export interface Match {
  /** a of all places, then b: the mean colors of what is like them in the reference, in CIE units. */
  readonly ab: Float32Array;
  /** How sure these are, 0..1. */
  readonly share: Float32Array;
}

/** A picture whose colors are known; its places are two by two cells of the map. */
export class Reference {
  private readonly own: Float64Array;

  /** @param ab a of all places, then b, in CIE units. */
  constructor(
    private readonly places: Places,
    private readonly ab: Float32Array,
  ) {
    this.own = ownSimilarity(places).map(Math.sqrt);
  }

  /** Return its colors for the places of a picture. */
  match(others: Places): Match {
    const { places, own } = this;
    const { count } = places;
    const theirOwn = ownSimilarity(others).map(Math.sqrt);
    const ab = new Float32Array(2 * others.count);
    const share = new Float32Array(others.count);
    for (let place = 0; place < others.count; place++) {
      const alike = similarity(places, others, place);
      let most = 0;
      for (let i = 0; i < count; i++) {
        alike[i]! /= own[i]! * theirOwn[place]!;
        most = Math.max(most, alike[i]!);
      }
      if (most === 0) continue; // it is like nothing there
      let [weights, a, b] = [0, 0, 0];
      for (let i = 0; i < count; i++) {
        const weight = (alike[i]! / most) ** numbers.sharpness;
        weights += weight;
        a += weight * this.ab[i]!;
        b += weight * this.ab[count + i]!;
      }
      ab[place] = a / weights;
      ab[others.count + place] = b / weights;
      share[place] = Math.min(most * most, 1);
    }
    return { ab, share };
  }
}

/** Return the places of a picture, described coarsely, by the heads of large differences, wherever they are in it. */
export function referencePlaces(description: Description, { heads }: HintSpec): Places {
  const [small, large] = heads as [number, number];
  return placesOf(description, small, Array<number>(large).fill(Infinity), description.strengths);
}

/**
 * Return the colors of a picture, some others being known. Where one is surer than another it counts for more.
 *
 * @param automatic Of the cells of the map, `columns` to a row.
 */
export function colorLike({ ab, confidence }: Prediction, columns: number, matches: readonly Match[]): Prediction {
  const count = confidence.length;
  const [width, height] = [columns / 2, count / columns / 2];
  const coarse = halved(ab, columns);
  const places = width * height;
  const total = new Float32Array(2 * places);
  const known = new Float32Array(places);
  for (let place = 0; place < places; place++) {
    let [weights, a, b] = [0, 0, 0];
    for (const match of matches) {
      const share = match.share[place]!;
      const weight = share + numbers.leastShare;
      weights += weight;
      a += weight * share * (match.ab[place]! - coarse[place]!);
      b += weight * share * (match.ab[places + place]! - coarse[places + place]!);
      known[place] = Math.max(known[place]!, share);
    }
    total[place] = a / weights;
    total[places + place] = b / weights;
  }
  const large = (plane: Float32Array): Float32Array => enlarge({ width, height, data: plane }, columns, 2 * height).data;
  const [changeA, changeB, sure] = [large(total.subarray(0, places)), large(total.subarray(places)), large(known)];
  return {
    ab: ab.map((value, i) => value + (i < count ? changeA[i]! : changeB[i - count]!)),
    confidence: confidence.map((value, i) => 1 - (1 - value) * (1 - sure[i]!)),
  };
}

/** Return the means of two by two places of maps, one below the other; rows and columns are even in number. */
export function halved(maps: Float32Array, columns: number): Float32Array {
  const result = new Float32Array(maps.length / 4);
  const width = columns / 2;
  for (let i = 0; i < result.length; i++) {
    const at = 2 * Math.floor(i / width) * columns + 2 * (i % width);
    result[i] = (maps[at]! + maps[at + 1]! + maps[at + columns]! + maps[at + columns + 1]!) / 4;
  }
  return result;
}
