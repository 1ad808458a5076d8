/** From hints on a picture to colors that are known on the network's map: `tinct.runtime.canvas`. */
import { clamp } from "../arithmetic";
import { hints as numbers } from "../constants.json";
import { chromaOf } from "../color/gamut";
import { colorAt, mapToGamut, parseCode, rgbToLab } from "../color/lab";
import { lumaToLightness } from "../color/lightness";
import type { Bytes } from "../color/plane";
import type { Hint, Point } from "../messages";
import type { MapPoint } from "./propagation";

const LEAST_RADIUS = 1e-6; // pixels: the middle of a spot is always in it

/** What is known of one point. */
export interface KnownColor extends MapPoint {
  readonly luma: number;
  readonly a: number;
  readonly b: number;
  readonly cb: number;
  readonly cr: number;
}

/** A picture, and the map of it that the network has. */
export class Surface {
  /** Width and height in pixels of what one place of the map stands for. */
  readonly cell: Point;

  constructor(private readonly luma: Bytes, columns: number, rows: number) {
    this.cell = [Math.fround(luma.width / columns), Math.fround(luma.height / rows)];
  }

  /** Turn a point of the picture into one of the map. */
  toMap([x, y]: Point): MapPoint {
    return { row: Math.fround(Math.fround(y / this.cell[1]) - 0.5), column: Math.fround(Math.fround(x / this.cell[0]) - 0.5) };
  }

  /** Turn a place of the map into a point of the picture. */
  toPicture({ row, column }: MapPoint): Point {
    return [(column + 0.5) * this.cell[0], (row + 0.5) * this.cell[1]];
  }

  private contains([x, y]: Point): boolean {
    return x >= 0 && y >= 0 && x <= this.luma.width && y <= this.luma.height;
  }

  /** Return the mean luma, 0..1, around a point, in half a cell. */
  meanLuma([x, y]: Point): number {
    const { width, height, data } = this.luma;
    const [halfWidth, halfHeight] = this.cell.map((side) => Math.max(side / 4, 0.5)) as [number, number];
    const left = clamp(Math.floor(Math.fround(x - halfWidth)), 0, width - 1);
    const top = clamp(Math.floor(Math.fround(y - halfHeight)), 0, height - 1);
    const right = Math.min(Math.ceil(Math.fround(x + halfWidth)), width);
    const bottom = Math.min(Math.ceil(Math.fround(y + halfHeight)), height);
    let sum = 0;
    for (let row = top; row < bottom; row++) for (let column = left; column < right; column++) sum += data[row * width + column]!;
    return sum / ((right - left) * (bottom - top) * 255);
  }

  /** Return the colors that hints give; where two are about one place, the later counts. */
  knownColors(hints: readonly Hint[]): KnownColor[] {
    let byHint: KnownColor[][] = [];
    for (const hint of hints) {
      const reach = this.cell.map((side) => Math.max(hint.radius / side, 0.5)) as [number, number];
      const known = this.pointsOf(hint).map((point) => this.knownAt(point, hint.color));
      const isFree = (one: KnownColor): boolean =>
        known.every(({ row, column }) => ((one.row - row) / reach[1]) ** 2 + ((one.column - column) / reach[0]) ** 2 >= 1);
      byHint = [...byHint.map((earlier) => earlier.filter(isFree)).filter((earlier) => earlier.length > 0), known];
    }
    const count = byHint.reduce((sum, known) => sum + known.length, 0);
    return byHint.flatMap((known) => everyNth(known, Math.ceil(count / numbers.mostPoints)));
  }

  private knownAt(point: Point, code: string): KnownColor {
    const luma = this.meanLuma(point);
    const [, askedA, askedB] = parseCode(code)!;
    const [, mappedA, mappedB] = mapToGamut([lumaToLightness(luma), askedA, askedB]);
    const [, a, b] = rgbToLab(colorAt(luma, mappedA, mappedB));
    const [cb, cr] = chromaOf(luma, mappedA, mappedB);
    return { ...this.toMap(point), luma, a, b, cb, cr };
  }

  private pointsOf({ points, radius }: Hint): Point[] {
    const spots = spotsAround(along(points, this.cell), radius, this.cell).filter((point) => this.contains(point));
    return everyNth(spots, Math.ceil(spots.length / (2 * numbers.mostPoints)));
  }
}

/**
 * Return points along a line through corners, no farther apart than a step.
 *
 * Numbers have 32 bits here and elsewhere, as in Python, so that what is whole there is whole here.
 */
function along(corners: readonly Point[], [stepX, stepY]: Point): Point[] {
  const exact = corners.map(([x, y]): Point => [Math.fround(x), Math.fround(y)]);
  const points = exact.slice(0, 1);
  for (let i = 1; i < exact.length; i++) {
    const [[x, y], [nextX, nextY]] = [exact[i - 1]!, exact[i]!];
    const [wayX, wayY] = [Math.fround(nextX - x), Math.fround(nextY - y)];
    const steps = Math.max(Math.abs(Math.fround(wayX / stepX)), Math.abs(Math.fround(wayY / stepY)));
    const count = Math.max(Math.ceil(steps), 1);
    for (let k = 1; k <= count; k++) {
      const share = Math.fround(k / count);
      points.push([Math.fround(x + Math.fround(share * wayX)), Math.fround(y + Math.fround(share * wayY))]);
    }
  }
  return points;
}

/** Return points that fill circles around middles, a step apart; circles overlap, and one point is enough for half a cell. */
function spotsAround(middles: readonly Point[], radius: number, [stepX, stepY]: Point): Point[] {
  const offsets: Point[] = [];
  const [across, down] = [Math.floor(radius / stepX), Math.floor(radius / stepY)];
  for (let row = -down; row <= down; row++) {
    for (let column = -across; column <= across; column++) {
      const offset: Point = [column * stepX, row * stepY];
      if (Math.hypot(...offset) <= Math.max(radius, LEAST_RADIUS)) offsets.push(offset);
    }
  }
  const found = new Map<string, Point>();
  for (const [x, y] of middles) {
    for (const [dx, dy] of offsets) {
      const point: Point = [Math.fround(x + dx), Math.fround(y + dy)];
      const half = `${Math.floor(Math.fround((2 * point[0]) / stepX))} ${Math.floor(Math.fround((2 * point[1]) / stepY))}`;
      if (!found.has(half)) found.set(half, point);
    }
  }
  return [...found.values()];
}

function everyNth<Item>(items: readonly Item[], step: number): Item[] {
  return items.filter((_, index) => index % step === 0);
}
