/** Keeps what was asked for last; what could not be made is made again when it is next asked for. */
export class Recent<Key, Value> {
  private readonly kept = new Map<Key, Promise<Value>>(); // in the order of use

  /** @param most How many are kept. */
  constructor(private readonly most: number) {}

  has(key: Key): boolean {
    return this.kept.has(key);
  }

  /** Return what was made for a key, or make it; the one used longest ago makes room first. */
  get(key: Key, make: () => Promise<Value>): Promise<Value> {
    let found = this.kept.get(key);
    this.kept.delete(key);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size < this.most) break;
      this.kept.delete(oldest);
    }
    if (found === undefined) {
      found = make();
      found.catch(() => this.kept.delete(key));
    }
    this.kept.set(key, found);
    return found;
  }
}
