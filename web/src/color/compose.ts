/** The luma of the picture and the predicted chroma become pixels: `tinct.runtime.compose`. */
import { upsample } from "../constants.json";
import type { ChromaModel } from "./chroma-model";
import { BLUE_CB, excessOf, GREEN_CB, GREEN_CR, RED_CR } from "./gamut";
import type { Area } from "../messages";
import type { Bytes, Plane } from "./plane";
import { makePlane } from "./plane";

const MIDDLE_GRAY = 128;

/**
 * Color an area of a picture. Luma stays: where it and chroma together would leave the gamut, chroma
 * gives way.
 *
 * @param pixels Receives RGBA of the area.
 */
export type Composer = (area: Area, pixels: Uint8ClampedArray) => void;

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
  const rowsPerCell = Math.min(Math.max(Math.floor(height / cellRows), 1), upsample.maxRowsPerCell);
  const planes = [model.slopeCb, model.offsetCb, model.slopeCr, model.offsetCr].map((plane) =>
    resampleRows(plane, height, rowsPerCell),
  );
  const cells = planes[0]!.width;
  const lefts = new Uint32Array(width); // of each pixel: the cell to its left, and the weight of the next
  const weights = new Float32Array(width);
  for (let x = 0; x < width; x++) {
    const center = Math.min(Math.max(((x + 0.5) * cells) / width - 0.5, 0), cells - 1);
    lefts[x] = Math.min(Math.floor(center), Math.max(cells - 2, 0));
    weights[x] = center - lefts[x]!;
  }
  const last = planes[0]!.height - 1;
  const blended = planes.map(() => new Float32Array(cells + 1));
  const [slopesCb, offsetsCb, slopesCr, offsetsCr] = blended as [Float32Array, Float32Array, Float32Array, Float32Array];

  function blendRow(row: number): void {
    const center = Math.min(Math.max((row + 0.5) / rowsPerCell - 0.5, 0), last);
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

  return (area, pixels) => {
    for (let row = area.top, to = 0; row < area.top + area.height; row++) {
      blendRow(row);
      const begin = row * width;
      for (let x = area.left; x < area.left + area.width; x++, to += 4) {
        const code = luma.data[begin + x]!;
        const value = code / 255;
        const left = lefts[x]!;
        const weight = weights[x]!;
        const cb =
          (slopesCb[left]! + weight * (slopesCb[left + 1]! - slopesCb[left]!)) * value +
          offsetsCb[left]! + weight * (offsetsCb[left + 1]! - offsetsCb[left]!);
        const cr =
          (slopesCr[left]! + weight * (slopesCr[left + 1]! - slopesCr[left]!)) * value +
          offsetsCr[left]! + weight * (offsetsCr[left + 1]! - offsetsCr[left]!);
        const excess = excessOf(cb, cr, value);
        const scale = 255 / (onGray ? Math.max(excess, excessOf(cb, cr, MIDDLE_GRAY / 255)) : excess);
        const base = onGray ? MIDDLE_GRAY : code;
        pixels[to] = base + cr * scale * RED_CR; // clamped arrays round to the nearest
        pixels[to + 1] = base + (cb * GREEN_CB + cr * GREEN_CR) * scale;
        pixels[to + 2] = base + cb * scale * BLUE_CB;
        pixels[to + 3] = alpha === null ? 255 : alpha[begin + x]!;
      }
    }
  };
}

/** Resample a plane linearly, so that each row covers `rowsPerCell` rows of `height`. */
function resampleRows(plane: Plane, height: number, rowsPerCell: number): Plane {
  const result = makePlane(plane.width, Math.ceil(height / rowsPerCell));
  for (let y = 0; y < result.height; y++) {
    const position = ((y + 0.5) * rowsPerCell * plane.height) / height - 0.5;
    const center = Math.min(Math.max(position, 0), plane.height - 1);
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
