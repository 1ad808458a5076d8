import { describe, expect, test } from "vitest";
import { roundHalfToEven } from "../src/arithmetic";
import { boxMean, fitChroma } from "../src/color/chroma-model";
import { composer } from "../src/color/compose";
import { excessOf, GREEN_CB, GREEN_CR, BLUE_CB, RED_CR, solveLightness } from "../src/color/gamut";
import { lumaToLightness } from "../src/color/lightness";
import { makePlane, type Plane } from "../src/color/plane";
import { enlarge, halve, shrink, workingLuma, workingSize } from "../src/color/resize";

const WHOLE = { left: 0, top: 0, width: 200, height: 101 };
const SPEC = { shortSide: 256, multiple: 32 };

function plane(width: number, height: number, value: (x: number, y: number) => number): Plane {
  const result = makePlane(width, height);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) result.data[y * width + x] = value(x, y);
  return result;
}

describe("lightness", () => {
  test("black and white are 0 and 100", () => {
    expect(lumaToLightness(0)).toBeCloseTo(0, 10);
    expect(lumaToLightness(1)).toBeCloseTo(100, 10);
  });
  test("middle gray of sRGB, Lindbloom's calculator", () => {
    expect(lumaToLightness(128 / 255)).toBeCloseTo(53.585, 3);
  });
});

describe("working size", () => {
  test.each([
    [800, 600, [352, 256]],
    [600, 800, [256, 352]],
    [100, 100, [256, 256]],
    [10000, 100, [1024, 256]], // squeezed
    [1, 1, [256, 256]],
  ])("%d x %d", (width, height, expected) => {
    expect(workingSize(width, height, SPEC)).toEqual(expected);
  });
  test("a flat picture stays flat at any size", () => {
    for (const [width, height] of [[1234, 777], [31, 500], [283, 266], [3, 2]] as const) {
      const luma = { width, height, data: new Uint8Array(width * height).fill(93) };
      expect(workingLuma(luma, SPEC).data.every((value) => value === Math.fround(93 / 255))).toBe(true);
    }
  });
  test("halving rounds the mean of four, and leaves an odd edge out", () => {
    expect(halve({ width: 3, height: 2, data: Uint8Array.of(1, 2, 99, 3, 4, 99) }).data).toEqual(Uint8Array.of(3));
  });
  test("halves go to the even number", () => {
    expect([0.5, 1.5, 2.5, 2.51, 3.49].map(roundHalfToEven)).toEqual([0, 2, 2, 3, 3]);
  });
});

describe("planes", () => {
  test("enlarging keeps a ramp between the centers of pixels", () => {
    const large = enlarge(plane(8, 1, (x) => x), 16, 1);
    expect(Array.from(large.data.subarray(1, 15))).toEqual(Array.from({ length: 14 }, (_, i) => (i + 1.5) / 2 - 0.5));
  });
  test("shrinking averages squares", () => {
    expect(shrink(plane(4, 2, (x, y) => x + 10 * y), 2).data).toEqual(Float32Array.of(5.5, 7.5));
  });
  test("the mean of a window mirrors the picture at its edges", () => {
    const mean = boxMean(plane(5, 1, (x) => x), 1);
    expect(Array.from(mean.data)).toEqual([1 / 3, 1, 2, 3, 11 / 3].map(Math.fround));
  });
});

describe("gamut", () => {
  test("the solved lightness has the luma", () => {
    const encoded = new Float64Array(6);
    for (let luma = 0.05; luma < 1; luma += 0.09) {
      for (const [a, b] of [[0, 0], [20, 30], [-25, 10], [10, -30]] as const) {
        solveLightness(luma, a, b, encoded);
        expect(Math.abs(0.299 * encoded[0]! + 0.587 * encoded[1]! + 0.114 * encoded[2]! - luma)).toBeLessThan(6e-4);
      }
    }
  });
  test("chroma divided by the excess is shown by sRGB, and no less than could be", () => {
    for (const [cb, cr, luma] of [[0.5, 0.5, 0.5], [-0.3, 0.4, 0.9], [0.2, -0.5, 0.1]] as const) {
      const excess = excessOf(cb, cr, luma);
      const rgb = [cr * RED_CR, cb * GREEN_CB + cr * GREEN_CR, cb * BLUE_CB].map((value) => luma + value / excess);
      expect(Math.min(...rgb)).toBeGreaterThan(-1e-9);
      expect(Math.max(...rgb)).toBeLessThan(1 + 1e-9);
      expect(Math.min(Math.abs(Math.min(...rgb)), Math.abs(1 - Math.max(...rgb)))).toBeLessThan(1e-9);
    }
  });
  test("black and white have no chroma", () => {
    expect(0.3 / excessOf(0.3, 0.1, 0)).toBeLessThan(1e-6);
    expect(0.3 / excessOf(0.3, 0.1, 1)).toBeLessThan(1e-6);
  });
});

describe("composing", () => {
  const luma = plane(64, 32, (x, y) => (x + y) / 96);
  const full = { width: 200, height: 101, data: new Uint8Array(200 * 101).map((_, i) => i % 256) };

  test("no chroma leaves the gray picture as it is", () => {
    const pixels = new Uint8ClampedArray(4 * full.data.length);
    composer(full, null, fitChroma(luma, new Float32Array(2 * 16 * 8), 4))(WHOLE, pixels);
    expect(full.data.every((code, i) => [0, 1, 2].every((channel) => pixels[4 * i + channel] === code))).toBe(true);
  });
  test("luma stays within rounding, whatever the chroma", () => {
    const ab = Float32Array.from({ length: 2 * 16 * 8 }, (_, i) => 80 * Math.sin(i));
    const pixels = new Uint8ClampedArray(4 * full.data.length);
    composer(full, null, fitChroma(luma, ab, 4))(WHOLE, pixels);
    full.data.forEach((code, i) => {
      const [red, green, blue] = pixels.subarray(4 * i, 4 * i + 3);
      expect(Math.abs(0.299 * red! + 0.587 * green! + 0.114 * blue! - code)).toBeLessThanOrEqual(0.51);
    });
  });
  test("areas are the same as in the whole", () => {
    const ab = Float32Array.from({ length: 2 * 16 * 8 }, (_, i) => 40 * Math.cos(i));
    const compose = composer(full, null, fitChroma(luma, ab, 4));
    const whole = new Uint8ClampedArray(4 * full.data.length);
    compose(WHOLE, whole);
    const area = { left: 30, top: 50, width: 21, height: 7 };
    const part = new Uint8ClampedArray(4 * area.width * area.height);
    compose(area, part);
    for (let row = 0; row < area.height; row++) {
      const begin = 4 * ((area.top + row) * full.width + area.left);
      expect(part.slice(4 * row * area.width, 4 * (row + 1) * area.width)).toEqual(whole.slice(begin, begin + 4 * area.width));
    }
  });
});
