/** Likely colors of a place: `tinct.runtime.canvas.Canvas.suggest`. */
import { hints as numbers } from "../constants.json";
import { codeOf, colorAt } from "../color/lab";
import type { Suggestion } from "../messages";

/**
 * @param scores Logarithms of the likelihoods of the bins.
 * @param bins ab of each.
 * @param luma Of the place, 0..1.
 * @param most How many colors at most; the likeliest come first.
 */
export function suggestColors(scores: readonly number[], bins: readonly (readonly number[])[], luma: number, most: number): Suggestion[] {
  const highest = Math.max(...scores);
  const likelihoods = scores.map((score) => Math.exp(score - highest));
  const sum = likelihoods.reduce((total, value) => total + value, 0);
  const left = likelihoods.map((value) => value / sum);
  const found: Suggestion[] = [];
  while (found.length < most && Math.max(...left) > 0) {
    const [middleA, middleB] = bins[left.indexOf(Math.max(...left))]! as [number, number];
    let [share, a, b] = [0, 0, 0];
    bins.forEach((bin, i) => {
      if (Math.hypot(bin[0]! - middleA, bin[1]! - middleB) > numbers.suggestionSpread) return;
      share += left[i]!;
      a += left[i]! * bin[0]!;
      b += left[i]! * bin[1]!;
      left[i] = 0;
    });
    found.push({ color: codeOf(colorAt(luma, a / share, b / share)), probability: share });
  }
  return found.sort((one, other) => other.probability - one.probability);
}
