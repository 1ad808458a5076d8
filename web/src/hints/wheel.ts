/** All colors of one luma on a disk: hue around, from gray in the middle to the strongest that sRGB has. */
import { colorAt, mostChroma, parseCode } from "../color/lab";
import type { Rgb } from "../color/lab";

/** Where a color is on the disk. */
interface OnWheel {
  /** 0..360 degrees, from red over yellow. */
  readonly hue: number;
  /** Of the strongest chroma of the hue, 0..1. */
  readonly strength: number;
}

const DEGREE = Math.PI / 180;

export function colorOnWheel(luma: number, { hue, strength }: OnWheel): Rgb {
  const chroma = mostChroma(luma, hue * DEGREE) * strength;
  return colorAt(luma, chroma * Math.cos(hue * DEGREE), chroma * Math.sin(hue * DEGREE));
}

export function placeOnWheel(luma: number, code: string): OnWheel {
  const [, a, b] = parseCode(code)!;
  const hue = Math.atan2(b, a);
  const most = mostChroma(luma, hue);
  return { hue: (hue / DEGREE + 360) % 360, strength: most === 0 ? 0 : Math.min(Math.hypot(a, b) / most, 1) };
}

/** Draw the disk, with a soft edge, into a square. */
export function drawWheel(luma: number, size: number): ImageData {
  const image = new ImageData(size, size);
  const rim = Array.from({ length: 360 }, (_, degree) => mostChroma(luma, degree * DEGREE));
  const radius = size / 2;
  for (let y = 0, to = 0; y < size; y++) {
    for (let x = 0; x < size; x++, to += 4) {
      const [dx, dy] = [x + 0.5 - radius, radius - y - 0.5];
      const distance = Math.hypot(dx, dy);
      if (distance > radius) continue;
      const degree = (Math.atan2(dy, dx) / DEGREE + 360) % 360;
      const most = rim[Math.round(degree) % 360]!;
      const chroma = (most * distance) / radius;
      const rgb = colorAt(luma, chroma * Math.cos(degree * DEGREE), chroma * Math.sin(degree * DEGREE));
      rgb.forEach((value, channel) => (image.data[to + channel] = 255 * value));
      image.data[to + 3] = 255 * Math.min(radius - distance, 1);
    }
  }
  return image;
}
