/** From colors that are known at some places to those of all others: `tinct.runtime.propagation`. */
import { hints as numbers } from "../constants.json";
import { around, join, makePlaces, ownSimilarity, pick, type Places, sample, similarity, Solver } from "./similarity";

/** A place between those of the map: 0, 0 is the middle of the first. */
export interface MapPoint {
  readonly row: number;
  readonly column: number;
}

/** The facts that the file of a branch for hints holds: `tinct.spec.HintSpec`. */
export interface HintSpec {
  readonly heads: readonly number[];
  readonly reach: readonly number[];
  readonly noise: readonly number[];
  readonly middle: number;
}

/** What the branch returns: keys (heads x length x places) and strengths (heads x places). */
export interface Description {
  readonly width: number;
  readonly height: number;
  readonly keys: Float32Array;
  readonly strengths: Float32Array;
}

/** The places of the map as one view of likeness has them, and the variance that what is known leaves open. */
interface Kernel {
  readonly places: Places;
  readonly noise: number;
}

/** A point, and how alike all places are to it, by each kernel. */
interface Known {
  readonly points: readonly Places[];
  readonly alike: readonly Float32Array[];
}

const SMALL = 0;
const LARGE = 1;
const NEAR = 2;

export class Propagation {
  readonly width: number;
  readonly height: number;
  /** Small differences, large ones, and places that are alike only where they are nearly the same. */
  private readonly kernels: readonly [Kernel, Kernel, Kernel];
  /** The points that were asked for last: likeness depends on the point alone, and most points stay. */
  private known = new Map<string, Known>();

  constructor(description: Description, private readonly spec: HintSpec) {
    const { width, height, strengths } = description;
    [this.width, this.height] = [width, height];
    const [small, large] = spec.heads as [number, number];
    const [noiseSmall, noiseLarge] = spec.noise as [number, number];
    const side = Math.min(width, height);
    const reach = spec.reach.map((value) => value * side);
    this.kernels = [
      { places: placesOf(description, 0, reach.slice(0, small), strengths), noise: noiseSmall },
      { places: placesOf(description, small, reach.slice(small, small + large), strengths), noise: noiseLarge },
      { places: placesOf(description, small, [numbers.near], null), noise: numbers.correctionNoise },
    ];
  }

  /**
   * Return ab of all places, where that of some points is known.
   *
   * @param ab Automatic colors: a of all places, then b.
   * @param a At the points.
   * @param b At the points.
   */
  colors(ab: Float32Array, points: readonly MapPoint[], a: readonly number[], b: readonly number[]): Float32Array {
    const { width, height } = this;
    const count = width * height;
    const known = this.lookUp(points);
    const result = ab.slice();
    const differences = [a, b].map((values, channel) =>
      points.map(({ row, column }, i) => {
        const automatic = sample((place) => ab[channel * count + place]!, around(width, height, row, column));
        return values[i]! - automatic;
      }),
    ) as [number[], number[]];
    const shares = points.map((_, i) => {
      const square = differences[0][i]! ** 2 + differences[1][i]! ** 2;
      return this.spec.middle ** 2 / (this.spec.middle ** 2 + square); // of the process of small ones
    });
    for (const kernel of [SMALL, LARGE] as const) {
      const solver = this.solver(known, kernel);
      differences.forEach((values, channel) => {
        const part = values.map((value, i) => value * (kernel === SMALL ? shares[i]! : 1 - shares[i]!));
        addWeighted(result.subarray(channel * count, (channel + 1) * count), known, kernel, solver.solve(part));
      });
    }
    return result;
  }

  /** Return a function that spreads corrections at points over the places near them. */
  corrector(points: readonly MapPoint[]): (missing: readonly number[]) => Float32Array {
    const known = this.lookUp(points);
    const solver = this.solver(known, NEAR);
    return (missing) => {
      const change = new Float32Array(this.width * this.height);
      addWeighted(change, known, NEAR, solver.solve(missing));
      return change;
    };
  }

  /** Return the place of the map where one more color is worth most: there the expected error falls most. */
  bestPlace(points: readonly MapPoint[]): MapPoint {
    const { width, height } = this;
    const { places, noise } = this.kernels[SMALL];
    const step = numbers.candidateStep;
    const candidates = grid(width, height, step >> 1, step);
    const others = pick(places, grid(width, height, 0, 2));
    const chosen = pick(places, candidates);
    const own = ownSimilarity(chosen);
    const shared = candidates.map((_, i) => similarity(others, chosen, i));
    if (points.length > 0) {
      const known = join(this.lookUp(points).map((one) => one.points[SMALL]!));
      const solver = new Solver(known, noise);
      const toOthers = points.map((_, i) => similarity(others, known, i));
      candidates.forEach((_, i) => {
        const among = similarity(known, chosen, i);
        const weights = solver.solve(among);
        weights.forEach((weight, m) => {
          own[i]! -= weight * among[m]!;
          for (let k = 0; k < others.count; k++) shared[i]![k]! -= weight * toOthers[m]![k]!;
        });
      });
    }
    const worth = shared.map((row, i) => row.reduce((sum, value) => sum + value * value, 0) / (Math.max(own[i]!, 0) + noise));
    const best = candidates[worth.indexOf(Math.max(...worth))]!;
    return { row: Math.floor(best / width), column: best % width };
  }

  private solver(known: readonly Known[], kernel: number): Solver {
    return new Solver(join(known.map((one) => one.points[kernel]!)), this.kernels[kernel]!.noise);
  }

  private lookUp(points: readonly MapPoint[]): Known[] {
    const next = new Map<string, Known>();
    const found = points.map((point) => {
      const key = `${point.row} ${point.column}`;
      const one = this.known.get(key) ?? this.describe(point);
      next.set(key, one);
      return one;
    });
    this.known = next;
    return found;
  }

  private describe(point: MapPoint): Known {
    const points = this.kernels.map(({ places }) => this.between(places, point));
    return { points, alike: this.kernels.map(({ places }, i) => similarity(places, points[i]!, 0)) };
  }

  /** Read keys and strengths of the places of the map at a point between them. */
  private between(places: Places, { row, column }: MapPoint): Places {
    const { heads, length, count, keys, offsets } = places;
    const result = makePlaces(1, heads, length);
    const at = around(this.width, this.height, row, column);
    for (let head = 0; head < heads; head++) {
      const first = head * count;
      const key = result.keys.subarray(head * length, (head + 1) * length);
      key.forEach((_, k) => (key[k] = sample((place) => keys[(first + place) * length + k]!, at)));
      const strength = sample((place) => Math.exp(offsets[first + place]! + halfSquare(keys, first + place, length)), at);
      result.offsets[head] = Math.log(strength) - halfSquare(key, 0, length);
    }
    return result;
  }
}

/** Make places of some heads: of each its keys, and row and column over its reach; strengths are 1 where there are none. */
export function placesOf(description: Description, firstHead: number, reach: readonly number[], strengths: Float32Array | null): Places {
  const { width, height, keys } = description;
  const count = width * height;
  const inner = keys.length / description.strengths.length; // numbers of a key that the network gives
  const result = makePlaces(count, reach.length, inner + 2);
  reach.forEach((far, head) => {
    for (let i = 0; i < count; i++) {
      const own = head * count + i;
      const to = own * result.length;
      for (let k = 0; k < inner; k++) result.keys[to + k] = keys[((firstHead + head) * inner + k) * count + i]!;
      result.keys[to + inner] = (Math.floor(i / width) - (height - 1) / 2) / far;
      result.keys[to + inner + 1] = ((i % width) - (width - 1) / 2) / far;
      const strength = strengths === null ? 1 : strengths[(firstHead + head) * count + i]!;
      result.offsets[own] = Math.log(strength) - halfSquare(result.keys, own, result.length);
    }
  });
  return result;
}

function halfSquare(keys: Float32Array, index: number, length: number): number {
  let square = 0;
  for (let k = index * length; k < (index + 1) * length; k++) square += keys[k]! ** 2;
  return square / 2;
}

/** Add similarities to known points times their weights to a map. */
function addWeighted(map: Float32Array, known: readonly Known[], kernel: number, weights: Float64Array): void {
  known.forEach(({ alike }, m) => {
    const weight = weights[m]!;
    const column = alike[kernel]!;
    for (let i = 0; i < map.length; i++) map[i]! += weight * column[i]!;
  });
}

/** Return every so many-th place of a map, row by row. */
function grid(width: number, height: number, first: number, step: number): number[] {
  const places = [];
  for (let row = first; row < height; row += step) for (let column = first; column < width; column += step) places.push(row * width + column);
  return places;
}
