import { describe, expect, test } from "vitest";
import { codeOf, colorAt, mapToGamut, mostChroma, parseCode, rgbToLab } from "../src/color/lab";
import { HintFileError, readHints, writeHints } from "../src/hints/hint-file";
import { Surface } from "../src/hints/known-colors";
import { Propagation } from "../src/hints/propagation";
import { around, makePlaces, sample, similarity, Solver } from "../src/hints/similarity";
import { suggestColors } from "../src/hints/suggest";
import { colorOnWheel, placeOnWheel } from "../src/hints/wheel";
import { History } from "../src/page/history";

const noName = (): null => null;

describe("single colors", () => {
  test("primaries of sRGB, Lindbloom's calculator", () => {
    const [lightness, a, b] = rgbToLab([1, 0, 0]);
    expect(lightness).toBeCloseTo(53.24, 1);
    expect(a).toBeCloseTo(80.09, 1);
    expect(b).toBeCloseTo(67.2, 1);
  });
  test("codes", () => {
    expect(parseCode("#2e7d32")![0]).toBeCloseTo(46.4, 0);
    expect(parseCode("lab(46, -39, 32)")).toEqual([46, -39, 32]);
    for (const wrong of ["green", "#12345", "lab(101, 0, 0)", "lab(50, 129, 0)", "lab(., 0, 0)"]) expect(parseCode(wrong)).toBeNull();
  });
  test("what is too vivid keeps lightness and hue", () => {
    const [lightness, a, b] = mapToGamut([50, 100, 100]);
    expect(lightness).toBe(50);
    expect(a).toBeCloseTo(b, 10);
    expect(a).toBeLessThan(100);
  });
});

describe("wheel", () => {
  test("a color is found again where it was taken from", () => {
    for (const hue of [10, 100, 200, 300]) {
      const place = placeOnWheel(0.5, codeOf(colorOnWheel(0.5, { hue, strength: 0.6 })));
      expect(Math.abs(place.hue - hue)).toBeLessThan(8); // luma is kept, not L*
      expect(place.strength).toBeGreaterThan(0.4);
    }
  });
  test("black and white have gray alone", () => {
    for (const luma of [0, 1]) expect(mostChroma(luma, 1)).toBeLessThan(0.5);
  });
  test("colors keep the luma", () => {
    const [red, green, blue] = colorAt(0.4, 60, -40);
    expect(0.299 * red + 0.587 * green + 0.114 * blue).toBeCloseTo(0.4, 6);
  });
});

describe("similarity", () => {
  const places = makePlaces(3, 1, 1);
  places.keys.set([0, 1, 3]);
  places.offsets.set([0, -0.5, -4.5]); // strengths 1: less half of the squares
  test("falls with the squared distance of keys", () => {
    expect(Array.from(similarity(places, places, 0))).toEqual([1, Math.exp(-0.5), Math.exp(-4.5)].map(Math.fround));
  });
  test("weights give known values back, but for the noise", () => {
    const weights = new Solver(places, 1e-9).solve([3, -1, 2]);
    const values = [0, 1, 2].map((i) => similarity(places, places, i).reduce((sum, value, k) => sum + value * weights[k]!, 0));
    [3, -1, 2].forEach((value, i) => expect(values[i]).toBeCloseTo(value, 5));
  });
  test("maps are read between places, and at their border beyond it", () => {
    const read = (row: number, column: number): number => sample((place) => [0, 10, 20, 30][place]!, around(2, 2, row, column));
    expect([read(0.5, 0.5), read(0, 0.25), read(-4, 9)]).toEqual([15, 2.5, 10]);
  });
});

test("a known color is met at its place and fades with likeness", () => {
  const [width, height] = [8, 6];
  const count = width * height;
  const keys = new Float32Array(2 * count).fill(0); // two heads of one number each: all places look the same
  const strengths = new Float32Array(2 * count).fill(1);
  const spec = { heads: [1, 1], reach: [0.3, 0.3], noise: [1e-6, 1e-6], middle: 8 };
  const propagation = new Propagation({ width, height, keys, strengths }, spec);
  const ab = propagation.colors(new Float32Array(2 * count), [{ row: 3, column: 4 }], [20], [-10]);
  expect(ab[3 * width + 4]).toBeCloseTo(20, 3);
  expect(ab[count + 3 * width + 4]).toBeCloseTo(-10, 3);
  expect(ab[3 * width + 6]).toBeLessThan(15);
  expect(ab[3 * width + 6]).toBeGreaterThan(0);
});

describe("colors of hints", () => {
  const luma = { width: 320, height: 160, data: new Uint8Array(320 * 160).fill(128) };
  const surface = new Surface(luma, 32, 16); // cells of 10 pixels
  const spot = (x: number, y: number, color: string, radius = 0) => ({ points: [[x, y]] as const, color, radius });
  test("of two hints about one place the later counts", () => {
    const known = surface.knownColors([spot(100, 80, "#ff0000"), spot(102, 80, "#0000ff")]);
    expect(known).toHaveLength(1);
    expect(known[0]!.b).toBeLessThan(-20);
  });
  test("spots are filled cell by cell, and end at the picture", () => {
    expect(surface.knownColors([spot(100, 80, "#ff0000", 20)])).toHaveLength(13);
    expect(surface.knownColors([spot(0, 0, "#ff0000", 20)])).toHaveLength(6);
  });
  test("strokes have a point for each cell", () => {
    const stroke = { points: [[5, 5], [105, 5]] as const, color: "#ff0000", radius: 0 };
    expect(surface.knownColors([stroke])).toHaveLength(11);
  });
});

test("neighboring bins are one suggestion, the likeliest first", () => {
  const bins = [[0, 0], [5, 5], [60, 40]];
  const found = suggestColors([1, 0.9, 1.5].map(Math.log), bins, 0.5, 5);
  expect(found.map(({ probability }) => Number(probability.toFixed(3)))).toEqual([0.559, 0.441]);
  const [red, , blue] = [1, 3, 5].map((at) => parseInt(found[1]!.color.slice(at, at + 2), 16));
  expect(red).toBeGreaterThan(blue!);
});

describe("files of hints", () => {
  const hints = [
    { points: [[10.5, 20]] as const, color: "#2e7d32", radius: 3 },
    { points: [[1, 2], [30, 4]] as const, color: "lab(50, -20, -40)", radius: 0 },
  ];
  test("are read as they were written", () => {
    expect(readHints(writeHints(hints, [40, 30]), [40, 30], noName)).toEqual(hints);
  });
  test.each([
    ['{"tinct-hints": 1}', "notHints", 0],
    ['[{"tinct-hints": 1}]', "notHints", 0],
    ['{"tinct-hints": 1, "hints": [{"x": 1, "y": 2, "color": "#000000", "points": [[1, 1]]}]}', "badHint", 1],
    ['{"tinct-hints": 1, "hints": [{"x": 1, "y": 2, "color": "#000000", "size": 1}]}', "badHint", 1],
    ['{"tinct-hints": 1, "hints": [{"x": 1, "y": 2, "color": "#000000", "radius": -1}]}', "badHint", 1],
    ['{"tinct-hints": 1, "hints": [{"x": 1, "y": 2, "color": "#000000"}, {"x": 1, "color": "#000000"}]}', "badHint", 2],
    ['{"tinct-hints": 1, "size": [4, 0], "hints": []}', "notHints", 0],
  ])("that are wrong: %s", (text, failure, number) => {
    const error = (() => {
      try {
        return readHints(text, [40, 30], noName);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(HintFileError);
    expect(error).toMatchObject({ failure, number });
  });
});

test("steps are taken back and done again, and a new one ends what was taken back", () => {
  const settings = { model: "nano", vividness: 0.5, caution: 0, saturation: 1 } as const;
  const history = new History({ settings, references: [], hints: [] });
  for (const vividness of [0.6, 0.7, 0.7]) history.change({ settings: { ...settings, vividness }, references: [], hints: [] });
  history.undo();
  expect(history.edits.settings.vividness).toBe(0.6);
  history.redo();
  expect(history.edits.settings.vividness).toBe(0.7);
  history.undo();
  history.undo();
  expect([history.canUndo, history.canRedo]).toEqual([false, true]);
  history.change({ settings: { ...settings, vividness: 0.1 }, references: [], hints: [] });
  expect(history.canRedo).toBe(false);
});
