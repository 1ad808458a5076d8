/** Caution and saturation: `tinct.runtime.colorizer.adjust`. */
import { clamp } from "../arithmetic";
import { colorizer } from "../constants.json";
import type { Settings } from "../messages";

/**
 * @param ab a of all cells, then b, in CIE units.
 * @param confidence Of all cells, 0..1.
 */
export function adjust(ab: Float32Array, confidence: Float32Array, { caution, saturation }: Settings): Float32Array {
  const weight = Math.min(2 * caution, 1); // small caution takes little from any color
  return ab.map((value, index) => {
    // Colors of less confidence than the caution fade out, over a smooth step around it.
    const sure = confidence[index % confidence.length]!;
    const position = clamp((sure - caution) / colorizer.cautionWidth + 0.5, 0, 1);
    const fade = position * position * (3 - 2 * position);
    return value * (1 - weight + weight * fade) * saturation;
  });
}
