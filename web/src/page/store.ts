/** Keeps pictures and what was chosen for them in the browser, so that a reload loses nothing. */
import { clear, createStore, del, entries, set } from "idb-keyval";
import type { Edits } from "../messages";

export interface KeptPicture {
  readonly file: File;
  readonly edits: Edits;
}

/** A browser that keeps nothing (a private window, a full disk) is no reason to stop working. */
export class Store {
  private readonly store = createStore("tinct", "pictures");

  /** Return what was kept, in the order of its keys. */
  async read(): Promise<[number, KeptPicture][]> {
    const kept = await entries<number, KeptPicture>(this.store).catch(() => []);
    return kept.sort(([one], [other]) => one - other);
  }

  async keep(key: number, picture: KeptPicture): Promise<void> {
    await set(key, picture, this.store).catch((error: unknown) => console.warn("not kept", error));
  }

  async remove(key: number): Promise<void> {
    await del(key, this.store).catch(() => undefined);
  }

  async clear(): Promise<void> {
    await clear(this.store).catch(() => undefined);
  }
}
