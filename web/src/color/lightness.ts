/** Luma to L*: `tinct.color.luma_to_lightness`, as a table, since luma has 8 bits here. */
import { color } from "../constants.json";
import type { Plane } from "./plane";

/** Undo the sRGB transfer curve for an encoded value of 0..1 (IEC 61966-2-1). */
export function srgbToLinear(encoded: number): number {
  if (encoded <= color.kneeEncoded) return encoded / color.slope;
  return ((encoded + color.offset) / (1 + color.offset)) ** color.power;
}

/** The sRGB transfer curve; below 0 it goes on, mirrored. */
export function linearToSrgb(linear: number): number {
  const size = Math.abs(linear);
  const encoded = size <= color.kneeLinear ? size * color.slope : (1 + color.offset) * size ** (1 / color.power) - color.offset;
  return Math.sign(linear) * encoded;
}

/** Return the L*, 0..100, of the neutral color of a luma of 0..1 (CIE 15). */
export function lumaToLightness(luma: number): number {
  const linear = srgbToLinear(luma);
  const knee = color.delta ** 3;
  const curved = linear > knee ? Math.cbrt(linear) : (linear - knee) / (3 * color.delta ** 2) + color.delta;
  return 116 * curved - 16;
}

/** What is left of each 8-bit value without the sRGB transfer curve. */
export const LINEAR_OF_CODE = Float64Array.from({ length: 256 }, (_, code) => srgbToLinear(code / 255));

/** L* of each 8-bit luma. */
export const LIGHTNESS_OF_LUMA = Float32Array.from({ length: 256 }, (_, code) => lumaToLightness(code / 255));

/** Return L* of a plane of luma whose values are whole 8-bit steps over 255. */
export function lightnessOf({ data }: Plane): Float32Array {
  const lightness = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) lightness[i] = LIGHTNESS_OF_LUMA[(data[i]! * 255 + 0.5) | 0]!;
  return lightness;
}
