/** The luma of the picture and the predicted chroma become pixels: `tinct.runtime.compose`. */
import { clamp } from "../arithmetic";
import { upsample } from "../constants.json";
import type { ChromaModel } from "./chroma-model";
import { BLUE_CB, excessOf, GREEN_CB, GREEN_CR, RED_CR } from "./gamut";
import type { Area } from "../messages";
import type { Bytes, Plane } from "./plane";
import { makePlane } from "./plane";

const MIDDLE_GRAY = 128;
const ROOM_OF_GRAY = 127; // up to white
const OPAQUE = 255 << 24;

/**
 * Color an area of a picture. Luma stays: where it and chroma together would leave the gamut, chroma
 * gives way.
 *
 * @param pixels Receives RGBA of the area.
 */
type Composer = (area: Area, pixels: Uint8ClampedArray) => void;

/**
 * Prepare to color a picture of any size.
 *
 * @param luma Of the whole picture.
 * @param alpha Of the whole picture, or null where it is opaque.
 * @param onGray Whether the colors are laid over middle gray instead of the picture's own luma.
 */
export function composer(luma: Bytes, alpha: Uint8Array | null, model: ChromaModel, onGray = false): Composer {
  const { width, height } = luma;
  const cellRows = model.slopeCb.height;
  const rowsPerCell = clamp(Math.floor(height / cellRows), 1, upsample.maxRowsPerCell);
  const planes = [model.slopeCb, model.offsetCb, model.slopeCr, model.offsetCr].map((plane) =>
    resampleRows(plane, height, rowsPerCell),
  );
  const cells = planes[0]!.width;
  const lefts = new Int32Array(width); // of each pixel: the cell to its left, and the weight of the next
  const weights = new Float32Array(width);
  for (let x = 0; x < width; x++) {
    const center = clamp(((x + 0.5) * cells) / width - 0.5, 0, cells - 1);
    lefts[x] = Math.min(Math.floor(center), Math.max(cells - 2, 0));
    weights[x] = center - lefts[x]!;
  }
  const last = planes[0]!.height - 1;
  const blended = planes.map(() => new Float32Array(cells + 1));

  function blendRow(row: number): void {
    const center = clamp((row + 0.5) / rowsPerCell - 0.5, 0, last);
    const above = Math.min(Math.floor(center), Math.max(last - 1, 0));
    const weight = center - above;
    planes.forEach((plane, index) => {
      const target = blended[index]!;
      const upper = above * cells;
      const lower = Math.min(above + 1, last) * cells;
      for (let x = 0; x < cells; x++) {
        const value = plane.data[upper + x]!;
        target[x] = value + weight * (plane.data[lower + x]! - value);
      }
      target[cells] = target[cells - 1]!; // beside a single column
    });
  }

  return ({ left, top, width: columns, height: rows }, pixels) => {
    const words = new Uint32Array(pixels.buffer, pixels.byteOffset, columns * rows); // red is the lowest byte
    for (let row = 0; row < rows; row++) {
      blendRow(top + row);
      const begin = (top + row) * width + left;
      const codes = luma.data.subarray(begin, begin + columns);
      const target = words.subarray(row * columns, (row + 1) * columns);
      composeRow(codes, lefts.subarray(left), weights.subarray(left), blended, onGray, target);
      if (alpha === null) continue;
      for (let x = 0; x < columns; x++) pixels[4 * (row * columns + x) + 3] = alpha[begin + x]!;
    }
  };
}

/** Color a row of opaque pixels; a function of its own, because engines compile small loops best. */
function composeRow(
  codes: Uint8Array, lefts: Int32Array, weights: Float32Array, blended: readonly Float32Array[], onGray: boolean, words: Uint32Array,
): void {
  const [slopesCb, offsetsCb, slopesCr, offsetsCr] = blended as [Float32Array, Float32Array, Float32Array, Float32Array];
  for (let x = 0; x < codes.length; ) {
    const cell = lefts[x]!;
    const slopeCb = slopesCb[cell]!;
    const offsetCb = offsetsCb[cell]!;
    const slopeCr = slopesCr[cell]!;
    const offsetCr = offsetsCr[cell]!;
    const riseSlopeCb = slopesCb[cell + 1]! - slopeCb; // to the next cell
    const riseOffsetCb = offsetsCb[cell + 1]! - offsetCb;
    const riseSlopeCr = slopesCr[cell + 1]! - slopeCr;
    const riseOffsetCr = offsetsCr[cell + 1]! - offsetCr;
    for (; x < codes.length && lefts[x] === cell; x++) {
      const weight = weights[x]!;
      const code = codes[x]!;
      const cb = (slopeCb + weight * riseSlopeCb) * code + 255 * (offsetCb + weight * riseOffsetCb); // in codes
      const cr = (slopeCr + weight * riseSlopeCr) * code + 255 * (offsetCr + weight * riseOffsetCr);
      let red = cr * RED_CR;
      let blue = cb * BLUE_CB;
      let green = cb * GREEN_CB + cr * GREEN_CR; // is less than the farther of them
      const room = Math.min(code, 255 - code, onGray ? ROOM_OF_GRAY : 255);
      if (red > room || red < -room || blue > room || blue < -room) {
        const own = excessOf(cb / 255, cr / 255, code / 255);
        const excess = onGray ? Math.max(own, excessOf(cb / 255, cr / 255, MIDDLE_GRAY / 255)) : own;
        red /= excess;
        green /= excess;
        blue /= excess;
      }
      const base = (onGray ? MIDDLE_GRAY : code) + 0.5;
      words[x] = OPAQUE | ((base + blue) << 16) | ((base + green) << 8) | (base + red);
    }
  }
}

/** Resample a plane linearly, so that each row covers `rowsPerCell` rows of `height`. */
function resampleRows(plane: Plane, height: number, rowsPerCell: number): Plane {
  const result = makePlane(plane.width, Math.ceil(height / rowsPerCell));
  for (let y = 0; y < result.height; y++) {
    const position = ((y + 0.5) * rowsPerCell * plane.height) / height - 0.5;
    const center = clamp(position, 0, plane.height - 1);
    const above = Math.min(Math.floor(center), Math.max(plane.height - 2, 0));
    const upper = above * plane.width;
    const lower = Math.min(above + 1, plane.height - 1) * plane.width;
    for (let x = 0; x < plane.width; x++) {
      const value = plane.data[upper + x]!;
      result.data[y * plane.width + x] = value + (center - above) * (plane.data[lower + x]! - value);
    }
  }
  return result;
}
