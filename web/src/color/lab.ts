/** Single colors between sRGB and CIE Lab: `tinct.color`, `tinct.gamut` and `tinct.runtime.color_names`. */
import { clamp } from "../arithmetic";
import { color, gamut } from "../constants.json";
import { BLUE_CB, chromaOf, GREEN_CB, GREEN_CR, RED_CR } from "./gamut";
import { curve, LINEAR_OF_CODE, linearToSrgb, lumaToLightness, srgbToLinear, uncurve } from "./lightness";

/** R'G'B', 0..1. */
export type Rgb = readonly [number, number, number];
/** L* 0..100, a and b in CIE units. */
type Lab = readonly [number, number, number];

const LAB_CODE = /^lab\(\s*(-?[\d.]+)%?[,\s]\s*(-?[\d.]+)\s*[,\s]\s*(-?[\d.]+)\s*\)$/i;
const HEX_CODE = /^#[\da-f]{6}$/i;

export function rgbToLab([red, green, blue]: Rgb): Lab {
  return linearToLab(srgbToLinear(red), srgbToLinear(green), srgbToLinear(blue));
}

/** The same for R'G'B' of 0..255, whole numbers: a table knows their linear values. */
export function codesToLab(red: number, green: number, blue: number): Lab {
  return linearToLab(LINEAR_OF_CODE[red]!, LINEAR_OF_CODE[green]!, LINEAR_OF_CODE[blue]!);
}

const [ROW_X, ROW_Y, ROW_Z] = color.relativeFromLinearRgb as [number[], number[], number[]];

function linearToLab(red: number, green: number, blue: number): Lab {
  const x = curve(green + ROW_X[0]! * (red - green) + ROW_X[2]! * (blue - green));
  const y = curve(green + ROW_Y[0]! * (red - green) + ROW_Y[2]! * (blue - green));
  const z = curve(green + ROW_Z[0]! * (red - green) + ROW_Z[2]! * (blue - green));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Return R'G'B' of a color, out of 0..1 where sRGB does not have it. */
function labToRgb([lightness, a, b]: Lab): Rgb {
  const y = (lightness + 16) / 116;
  const [x, middle, z] = [y + a / 500, y, y - b / 200].map(uncurve) as [number, number, number];
  const [red, green, blue] = color.linearRgbFromRelative.map((row) =>
    linearToSrgb(middle + row[0]! * (x - middle) + row[2]! * (z - middle)),
  ) as [number, number, number];
  return [red, green, blue];
}

/** Bring a color into sRGB by lowering chroma, at fixed lightness and hue. */
export function mapToGamut(lab: Lab): Lab {
  if (isInGamut(lab)) return lab;
  const [lightness, a, b] = lab;
  let within = 0; // the largest factor known to be inside
  let step = 0.5;
  for (let round = 0; round < gamut.mappingSteps; round++, step /= 2) {
    if (isInGamut([lightness, a * (within + step), b * (within + step)])) within += step;
  }
  return [lightness, a * within, b * within];
}

/** Return the color with these a and b, as far as sRGB has it, in a place of this luma: it keeps the luma. */
export function colorAt(luma: number, a: number, b: number): Rgb {
  const [cb, cr] = chromaOf(luma, a, b);
  const rgb: Rgb = [luma + cr * RED_CR, luma + cb * GREEN_CB + cr * GREEN_CR, luma + cb * BLUE_CB];
  return rgb.map((value) => clamp(value, 0, 1)) as unknown as Rgb;
}

/** Return the strongest chroma, in CIE units, of a hue in radians that sRGB has at the lightness of a luma. */
export function mostChroma(luma: number, hue: number): number {
  const [, a, b] = mapToGamut([lumaToLightness(luma), color.abLimit * Math.cos(hue), color.abLimit * Math.sin(hue)]);
  return Math.hypot(a, b);
}

/** Return `#rrggbb`. */
export function codeOf(rgb: Rgb): string {
  return `#${rgb.map((value) => Math.round(value * 255).toString(16).padStart(2, "0")).join("")}`;
}

/** Return the color of `#rrggbb` or `lab(l, a, b)`; null of anything else. */
export function parseCode(code: string): Lab | null {
  if (HEX_CODE.test(code)) return rgbToLab([1, 3, 5].map((at) => parseInt(code.slice(at, at + 2), 16) / 255) as unknown as Rgb);
  const numbers = LAB_CODE.exec(code)?.slice(1).map(Number);
  if (numbers === undefined || numbers.some(Number.isNaN)) return null;
  const [lightness, a, b] = numbers as [number, number, number];
  const isKnown = lightness >= 0 && lightness <= 100 && Math.max(Math.abs(a), Math.abs(b)) <= color.abLimit;
  return isKnown ? [lightness, a, b] : null;
}

/** Return `#rrggbb` of the color of a code, as far as sRGB has it. */
export function displayCode(code: string): string {
  return codeOf(labToRgb(mapToGamut(parseCode(code)!)).map((value) => clamp(value, 0, 1)) as unknown as Rgb);
}

function isInGamut(lab: Lab): boolean {
  return labToRgb(lab).every((value) => value >= -gamut.tolerance && value <= 1 + gamut.tolerance);
}
