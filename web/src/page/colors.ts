/** Colors as people name them, by the browser: CSS names, `rgb()`, `hsl()`. */
const HEX = /^#[\da-f]{6}$/;

/** Return `#rrggbb` of a color, or null of what is none. */
export function toCode(color: string): string | null {
  if (!CSS.supports("color", color)) return null;
  const context = new OffscreenCanvas(1, 1).getContext("2d")!;
  context.fillStyle = color;
  const { fillStyle } = context;
  return typeof fillStyle === "string" && HEX.test(fillStyle) ? fillStyle : null;
}
