/** What has been chosen for one picture, step by step, so that every step can be taken back. */
import type { Edits } from "../messages";

const MOST_STEPS = 500;

export class History {
  private readonly past: Edits[] = [];
  private future: Edits[] = [];

  constructor(private current: Edits) {}

  get edits(): Edits {
    return this.current;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  change(edits: Edits): void {
    if (JSON.stringify(edits) === JSON.stringify(this.current)) return;
    this.past.push(this.current);
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.current = edits;
  }

  undo(): void {
    const earlier = this.past.pop();
    if (earlier === undefined) return;
    this.future.push(this.current);
    this.current = earlier;
  }

  redo(): void {
    const later = this.future.pop();
    if (later === undefined) return;
    this.past.push(this.current);
    this.current = later;
  }
}
