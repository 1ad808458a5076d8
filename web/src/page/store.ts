/** Keeps pictures and what was chosen for them in the browser, so that a reload loses nothing. */
import { clear, createStore, delMany, entries, get, setMany } from "idb-keyval";
import type { Edits, ReferencePicture } from "../messages";

export interface KeptPicture {
  readonly file: File;
  readonly edits: Edits;
}

/** Files, those of references too, and edits are kept apart: edits change with every click, and a browser writes a file whole each time. */
type Key = [number: number, part: "file" | "edits"];

/** References by their numbers. */
type KeptEdits = Omit<Edits, "references"> & { readonly references: readonly number[] };
type Entry = [Key, File | KeptEdits];

/** A browser that keeps nothing (a private window, a full disk) is no reason to stop working. */
export class Store {
  private readonly store = createStore("tinct", "pictures");
  /** Numbers of the references whose files are kept; of pictures as well, which nobody asks for. */
  private readonly references = new Set<number>();
  private hasFailed = false;

  /** @param onFailed Is called when the browser first does not keep something. */
  constructor(private readonly onFailed: () => void) {}

  /** Return what was kept, by number, in the order of these. */
  async read(): Promise<[number, KeptPicture][]> {
    const kept = await entries<Key, File | KeptEdits>(this.store).catch(() => []);
    const files = new Map(kept.filter(([[, part]]) => part === "file").map(([[number], value]) => [number, value as File]));
    for (const number of files.keys()) this.references.add(number);
    const withFiles = (numbers: readonly number[]): ReferencePicture[] =>
      numbers.filter((number) => files.has(number)).map((number) => ({ number, file: files.get(number)! }));
    const edits = kept.filter(([[, part]]) => part === "edits").map(([[number], value]) => [number, value as KeptEdits] as const);
    return edits
      .filter(([number]) => files.has(number))
      .map(([number, one]): [number, KeptPicture] => [number, { file: files.get(number)!, edits: { ...one, references: withFiles(one.references) } }])
      .sort(([one], [other]) => one - other);
  }

  /** Keep a picture; returns the copy of its file, where there is one. */
  async keep(number: number, { file, edits }: KeptPicture): Promise<File | undefined> {
    const key: Key = [number, "file"];
    await this.write([[key, file], ...this.partsOf(number, edits)]);
    return get<File>(key, this.store).catch(() => undefined);
  }

  /** Keep what has changed of a picture. */
  async keepEdits(number: number, edits: Edits): Promise<void> {
    await this.write(this.partsOf(number, edits));
  }

  async remove(number: number): Promise<void> {
    await delMany([[number, "file"], [number, "edits"]], this.store).catch(() => undefined);
  }

  async clear(): Promise<void> {
    this.references.clear();
    await clear(this.store).catch(() => undefined);
  }

  /** Return what is to be written of edits: they, and the files of new references. */
  private partsOf(number: number, edits: Edits): Entry[] {
    const numbers = edits.references.map((reference) => reference.number);
    const added = edits.references.filter((reference) => !this.references.has(reference.number));
    for (const reference of added) this.references.add(reference.number);
    return [
      [[number, "edits"], { ...edits, references: numbers }],
      ...added.map((reference): Entry => [[reference.number, "file"], reference.file]),
    ];
  }

  private async write(values: Entry[]): Promise<void> {
    await setMany(values, this.store).catch((error: unknown) => {
      console.warn("not kept", error);
      for (const [[number]] of values) this.references.delete(number);
      if (!this.hasFailed) this.onFailed();
      this.hasFailed = true;
    });
  }
}
