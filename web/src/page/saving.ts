/** The result as a file, with the metadata of the original. */
import type { Encoded, ModelName } from "../messages";
import { readMetadata, withMetadata } from "../metadata/metadata";

const SUFFIXES = { "image/jpeg": "jpg", "image/png": "png" } as const;
export type SavedType = keyof typeof SUFFIXES;

export interface SavedFile {
  readonly blob: Blob;
  readonly name: string;
  /** Whether the metadata of the original, if it has any, are in the result. */
  readonly isComplete: boolean;
}

export async function finish(original: File, encoded: Encoded, model: ModelName, type: SavedType): Promise<SavedFile> {
  const [source, result] = await Promise.all([original, encoded.blob].map(bytesOf));
  const metadata = readMetadata(source!);
  const bytes = withMetadata(result!, metadata ?? {}, model, [encoded.width, encoded.height]);
  const stem = original.name.replace(/\.[^.]+$/, "") || "picture";
  return { blob: new Blob([bytes], { type }), name: `${stem}-color.${SUFFIXES[type]}`, isComplete: metadata !== null };
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

/** Hand a file to the browser's downloads. */
export function download(file: SavedFile): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file.blob);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may be asking where to
}
