/** Luma to L*: `tinct.color.luma_to_lightness`, as a table, since luma has 8 bits here. */
import { color } from "../constants.json";
import type { Plane } from "./plane";

const KNEE = color.delta ** 3; // of the f of CIE 15
const TANGENT = 3 * color.delta ** 2; // of its inverse, there

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
  return 116 * curve(srgbToLinear(luma)) - 16;
}

/** The f of CIE 15: the cube root, and its tangent below a knee. */
export function curve(ratio: number): number {
  return ratio > KNEE ? Math.cbrt(ratio) : (ratio - KNEE) / TANGENT + color.delta;
}

/** Undo the f of CIE 15. */
export function uncurve(value: number): number {
  return value > color.delta ? value * value * value : KNEE + (value - color.delta) * TANGENT;
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
