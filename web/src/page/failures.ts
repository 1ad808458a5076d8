/** Why something failed, in a line for the user. */
import type { Failure } from "../messages";
import { PictureError } from "../messages";
import { texts } from "./texts";

export function failureOf(error: unknown): Failure {
  return error instanceof PictureError ? error.failure : "failed";
}

/** Return why something failed with a file, as a line that names it. */
export function reasonOf(error: unknown, name: string): string {
  const reason = texts[failureOf(error)](name, error instanceof Error ? error.message : "");
  console.warn(reason, error);
  return reason;
}
