/** Results as files, with the metadata of the original. */
import { downloadZip } from "client-zip";
import type { Exported, ExportRequest, ModelName, SavedType } from "../messages";
import { readMetadata, withMetadata } from "../metadata/metadata";
import { isDeepPng } from "../metadata/png";
import { TIFF } from "../worker/client";
import { texts } from "./texts";

/** What can be saved of a picture: a text of texts.ts, and how its file is made and named. */
export interface SavedKind {
  readonly text: "jpeg" | "png" | "webp" | "tiff" | "layer" | "sheet";
  /** Null of what browsers do not write. */
  readonly type: SavedType | null;
  readonly what: ExportRequest["what"];
  readonly ending: string;
}

export const SAVED_KINDS: readonly SavedKind[] = [
  { text: "jpeg", type: "image/jpeg", what: "picture", ending: "-color.jpg" },
  { text: "png", type: "image/png", what: "picture", ending: "-color.png" },
  { text: "webp", type: "image/webp", what: "picture", ending: "-color.webp" },
  { text: "tiff", type: null, what: "picture", ending: "-color.tif" },
  { text: "layer", type: "image/png", what: "layer", ending: "-layer.png" },
  { text: "sheet", type: "image/jpeg", what: "sheet", ending: "-sheet.jpg" },
];

const DOWNLOAD_TIME = 60_000; // ms in which the browser takes a file: it may be asking where to

/** What of the original is not in a file, as texts. */
export type Losses = readonly string[];

export interface SavedFile {
  readonly blob: Blob;
  readonly name: string;
  readonly losses: Losses;
}

/**
 * Give a picture that the browser has written the metadata of its original.
 *
 * @param name Of the original.
 * @param source The original, or what was read of it where browsers do not read it.
 */
export async function described(name: string, source: File, exported: Exported, model: ModelName, kind: SavedKind): Promise<SavedFile> {
  const [before, after] = await Promise.all([source, exported.blob].map(bytesOf));
  const metadata = await readMetadata(before!);
  const { bytes, leftOut } = withMetadata(after!, metadata ?? {}, model, [exported.width, exported.height]);
  const blob = new Blob([bytes], { type: exported.blob.type });
  const losses = [
    ...(exported.isFlattened ? [texts.lossOfTransparency] : []),
    ...(kind.what === "picture" && isDeepPng(before!) ? [texts.lossOfDepth] : []),
    ...(metadata === null ? [TIFF.test(name) ? texts.lossOfTiff : texts.lossOfMetadata] : []),
    ...(leftOut.length > 0 ? [texts.lossOfParts(exported.blob.type, leftOut)] : []),
  ];
  return { blob, name: nameOf(name, kind.ending), losses };
}

/** Return the name of a file that is made of a picture. */
export function nameOf(original: string, ending: string): string {
  return `${original.replace(/\.[^.]+$/, "") || "picture"}${ending}`;
}

/** Put files into one as they come; of several of one name the later get a number. */
export function zip(files: AsyncIterable<SavedFile>): Promise<Blob> {
  return downloadZip(entriesOf(files)).blob();
}

async function* entriesOf(files: AsyncIterable<SavedFile>): AsyncGenerator<{ name: string; input: Blob; lastModified: Date }> {
  const taken = new Set<string>();
  for await (const { blob, name } of files) {
    let free = name;
    for (let number = 2; taken.has(free); number++) free = name.replace(/(?=\.[^.]+$)/, ` (${number})`);
    taken.add(free);
    yield { name: free, input: blob, lastModified: new Date() };
  }
}

/** Hand a file to the browser's downloads. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_TIME);
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}
