/** Keeps pictures and what was chosen for them in the browser, so that a reload loses nothing. */
import { clear, createStore, delMany, entries, get, setMany } from "idb-keyval";
import type { Edits } from "../messages";

export interface KeptPicture {
  readonly file: File;
  readonly edits: Edits;
}

/** Files and edits are kept apart: edits change with every click, and a browser writes a file whole each time. */
type Key = [number: number, part: "file" | "edits"];

/** A browser that keeps nothing (a private window, a full disk) is no reason to stop working. */
export class Store {
  private readonly store = createStore("tinct", "pictures");
  private hasFailed = false;

  /** @param onFailed Is called when the browser first does not keep something. */
  constructor(private readonly onFailed: () => void) {}

  /** Return what was kept, by number, in the order of these. */
  async read(): Promise<[number, KeptPicture][]> {
    const kept = await entries<Key, File | Edits>(this.store).catch(() => []);
    const edits = new Map(kept.filter(([[, part]]) => part === "edits").map(([[number], value]) => [number, value as Edits]));
    return kept
      .filter(([[number, part]]) => part === "file" && edits.has(number))
      .map(([[number], file]): [number, KeptPicture] => [number, { file: file as File, edits: edits.get(number)! }])
      .sort(([one], [other]) => one - other);
  }

  /** Keep a picture; returns the copy of its file, where there is one. */
  async keep(number: number, { file, edits }: KeptPicture): Promise<File | undefined> {
    const key: Key = [number, "file"];
    await this.write([
      [key, file],
      [[number, "edits"], edits],
    ]);
    return get<File>(key, this.store).catch(() => undefined);
  }

  /** Keep what has changed of a picture. */
  async keepEdits(number: number, edits: Edits): Promise<void> {
    await this.write([[[number, "edits"], edits]]);
  }

  async remove(number: number): Promise<void> {
    await delMany([[number, "file"], [number, "edits"]], this.store).catch(() => undefined);
  }

  async clear(): Promise<void> {
    await clear(this.store).catch(() => undefined);
  }

  private async write(values: [Key, File | Edits][]): Promise<void> {
    await setMany(values, this.store).catch((error: unknown) => {
      console.warn("not kept", error);
      if (!this.hasFailed) this.onFailed();
      this.hasFailed = true;
    });
  }
}
