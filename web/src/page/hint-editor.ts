/** From a place of the picture to its color: the panel, the eyedropper, and what becomes of the hint. */
import { codeOf } from "../color/lab";
import type { Hint, Point } from "../messages";
import type { WorkerClient } from "../worker/client";
import { ofPicture, type OpenPicture } from "./gallery";
import { HintPanel } from "./hint-panel";
import { texts } from "./texts";
import type { Viewer } from "./viewer";

/** What the panel is about: a hint of the picture by its number, or one that is to become its last. */
interface Edited {
  readonly picture: OpenPicture;
  readonly hint: Hint;
  readonly index: number;
}

export interface EditorActions {
  readonly selected: () => OpenPicture | undefined;
  /** Show the selected picture with other hints, which are not kept. */
  readonly onPreview: (hints: readonly Hint[]) => void;
  readonly onChange: (hints: readonly Hint[]) => void;
  /** What was only tried is to be seen no longer. */
  readonly onRevert: () => void;
  /** The eyedropper went to another picture, and comes back. */
  readonly onReturn: (picture: OpenPicture) => void;
  readonly onStatus: (text: string) => void;
  readonly onFailed: (picture: OpenPicture, error: unknown) => void;
}

const NO_COLOR = ""; // of a hint that has none yet

export class HintEditor {
  private readonly panel = new HintPanel({
    onColor: (color, isChosen) => this.color(color, isChosen),
    onRemove: () => {
      if (this.edited !== undefined) this.remove(this.edited.index);
    },
    onPick: () => this.setPicking(true),
    onClose: () => this.leave(),
  });
  private edited: Edited | undefined;
  /** Whether what is shown has a color that was not chosen yet. */
  private isTrying = false;
  private isPicking = false;

  constructor(
    private readonly client: WorkerClient,
    private readonly viewer: Viewer,
    private readonly actions: EditorActions,
  ) {}

  close(): void {
    this.panel.close();
  }

  /** Make room for another picture; with the eyedropper a color is taken out of that one. */
  closeUnlessPicking(): void {
    if (!this.isPicking) this.close();
  }

  /** Give the eyedropper back without a color. */
  stopPicking(): void {
    if (this.isPicking) this.setPicking(false);
  }

  /** Begin a hint at a spot, or along a stroke. */
  place(points: readonly Point[], inWindow: Point): void {
    if (this.isPicking) return this.takeColor(inWindow);
    const { shown } = this;
    if (shown === undefined) return;
    const hint = { points, color: NO_COLOR, radius: this.viewer.hints.radius };
    void this.edit({ picture: shown, hint, index: shown.history.edits.hints.length }, inWindow);
  }

  /** Change a hint of the picture. */
  open(index: number, inWindow: Point): void {
    if (this.isPicking) return this.takeColor(inWindow);
    const hint = this.shown?.history.edits.hints[index];
    if (hint !== undefined) void this.edit({ picture: this.shown!, hint, index }, inWindow);
  }

  /** Begin a hint where one helps most. */
  async placeBest(): Promise<void> {
    const { shown } = this;
    if (shown === undefined) return;
    try {
      const at = await this.client.ask({ kind: "where", ...ofPicture(shown) });
      if (this.shown !== shown) return;
      this.viewer.hints.moveCross(at);
      this.place([at], this.viewer.viewport.toWindow(at));
    } catch (error) {
      this.actions.onFailed(shown, error);
    }
  }

  /** Put a hint in the place of one of the picture. */
  move(index: number, hint: Hint, isAtRest: boolean): void {
    if (this.shown !== undefined) this.put(index, hint, isAtRest);
  }

  remove(index: number): void {
    const { shown } = this;
    this.close();
    if (shown !== undefined) this.actions.onChange(shown.history.edits.hints.filter((_, other) => other !== index));
  }

  /** The selected picture, once it is shown: until then markers and places are those of another. */
  private get shown(): OpenPicture | undefined {
    const selected = this.actions.selected();
    return this.viewer.shownPicture === selected ? selected : undefined;
  }

  private async edit(edited: Edited, inWindow: Point): Promise<void> {
    this.close();
    this.viewer.revealAfter(inWindow);
    this.edited = edited;
    const { picture, hint } = edited;
    const at = hint.points[Math.floor(hint.points.length / 2)]!;
    try {
      const suggestions = await this.client.ask({ kind: "suggest", ...ofPicture(picture), at });
      if (this.edited === edited) this.panel.open(suggestions, hint.color === NO_COLOR ? null : hint.color, inWindow);
    } catch (error) {
      this.actions.onFailed(picture, error);
    }
  }

  private color(color: string, isChosen: boolean): void {
    if (this.edited === undefined) return;
    this.edited = { ...this.edited, hint: { ...this.edited.hint, color } };
    this.isTrying = !isChosen;
    this.put(this.edited.index, this.edited.hint, isChosen);
  }

  private put(index: number, hint: Hint, isAtRest: boolean): void {
    const hints = [...(this.actions.selected()?.history.edits.hints ?? [])];
    hints[index] = hint;
    if (isAtRest) this.actions.onChange(hints);
    else this.actions.onPreview(hints);
  }

  private leave(): void {
    this.edited = undefined;
    this.setPicking(false);
    if (this.isTrying) this.actions.onRevert();
    this.isTrying = false;
    // What had the focus before the panel gets it back from the browser, unless it is gone.
    if (document.activeElement === document.body) this.focusStage();
  }

  private setPicking(isPicking: boolean): void {
    this.isPicking = isPicking;
    document.body.classList.toggle("picking", isPicking);
    if (!isPicking) return;
    this.actions.onStatus(texts.picking);
    this.focusStage();
  }

  private takeColor(inWindow: Point): void {
    const seen = this.viewer.colorSeen(inWindow);
    const { edited } = this;
    if (seen === null || edited === undefined) return;
    this.setPicking(false);
    if (edited.picture !== this.actions.selected()) this.actions.onReturn(edited.picture);
    const [red, green, blue] = seen;
    this.panel.take(codeOf([red / 255, green / 255, blue / 255]));
  }

  private focusStage(): void {
    this.viewer.viewport.stage.focus({ preventScroll: true });
  }
}
