/** The file that holds hints, docs/hints.md: `tinct.runtime.hint_file`. */
import { hints as numbers } from "../constants.json";
import { parseCode } from "../color/lab";
import type { Hint, Point } from "../messages";

const KEYS = ["x", "y", "points", "color", "radius"];

/** What is wrong with a file, as a text of texts.ts, and of which hint (from 1; 0: of the file). */
export class HintFileError extends Error {
  constructor(
    readonly failure: "notHints" | "badHint" | "otherShape",
    readonly number = 0,
  ) {
    super(`${failure} ${number}`);
  }
}

/** Write hints of a picture of a size. */
export function writeHints(hints: readonly Hint[], [width, height]: Point): string {
  const entries = hints.map(({ points, color, radius }) => {
    const [first] = points as [Point, ...Point[]];
    return { ...(points.length === 1 ? { x: first[0], y: first[1] } : { points }), color, radius };
  });
  return `${JSON.stringify({ "tinct-hints": numbers.format, size: [width, height], hints: entries }, null, 2)}\n`;
}

/**
 * Read hints for a picture of a size.
 *
 * @param toCode Turns any color as people name it into `#rrggbb`; null of what is none.
 * @throws HintFileError
 */
export function readHints(text: string, size: Point, toCode: (color: string) => string | null): Hint[] {
  const table = parse(text);
  const scale = scaleOf(table["size"], size);
  const entries = table["hints"];
  if (!Array.isArray(entries) || entries.length > numbers.mostHints) throw new HintFileError("notHints");
  return entries.map((entry: unknown, index) => {
    const hint = hintOf(entry, scale, toCode);
    if (hint === null || !hint.points.every(([x, y]) => x >= 0 && y >= 0 && x <= size[0] && y <= size[1])) {
      throw new HintFileError("badHint", index + 1);
    }
    return hint;
  });
}

function parse(text: string): Record<string, unknown> {
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch {
    throw new HintFileError("notHints");
  }
  if (!isTable(table) || table["tinct-hints"] !== numbers.format) throw new HintFileError("notHints");
  return table;
}

function scaleOf(madeFor: unknown, size: Point): Point {
  if (madeFor === undefined || madeFor === null) return [1, 1];
  if (!isPoint(madeFor) || Math.min(...madeFor) <= 0) throw new HintFileError("notHints");
  const scale: Point = [size[0] / madeFor[0], size[1] / madeFor[1]];
  if (Math.abs(scale[0] / scale[1] - 1) > numbers.ratioTolerance) throw new HintFileError("otherShape");
  return scale;
}

function hintOf(entry: unknown, scale: Point, toCode: (color: string) => string | null): Hint | null {
  if (!isTable(entry) || !Object.keys(entry).every((key) => KEYS.includes(key))) return null;
  const { x, y, points, color: name, radius = 0 } = entry;
  const isStroke = points !== undefined;
  if (isStroke && (x !== undefined || y !== undefined)) return null;
  const places: unknown = isStroke ? points : [[x, y]];
  if (!Array.isArray(places) || places.length === 0 || !places.every(isPoint)) return null;
  if (!isNumber(radius) || radius < 0 || typeof name !== "string") return null;
  const color = parseCode(name.trim()) === null ? toCode(name.trim()) : name.trim();
  if (color === null) return null;
  return { points: places.map(([px, py]) => [px * scale[0], py * scale[1]]), color, radius: radius * Math.min(...scale) };
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isPoint(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(isNumber);
}
