/** Arithmetic that JavaScript does not bring along. */

/** Return the value of `low`..`high` that is nearest. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Round as Python and OpenCV do: halves to the even number. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
