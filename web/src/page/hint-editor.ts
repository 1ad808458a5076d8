/** From a place of the picture to its color: the panel, the eyedropper, and what becomes of the hint. */
import { codeOf } from "../color/lab";
import type { Hint, Point } from "../messages";
import type { WorkerClient } from "../worker/client";
import { ofPicture, type OpenPicture } from "./gallery";
import { HintPanel } from "./hint-panel";
import { texts } from "./texts";
import type { Viewer } from "./viewer";

/** A hint of a picture by its number, or one that is to become its last. */
interface Edited {
  readonly picture: OpenPicture;
  readonly index: number;
  hint: Hint;
}

export interface EditorActions {
  readonly selected: () => OpenPicture | undefined;
  /** Show a picture with other hints, which are not kept. */
  readonly onPreview: (picture: OpenPicture, hints: readonly Hint[]) => void;
  readonly onChange: (picture: OpenPicture, hints: readonly Hint[]) => void;
  /** What was only tried is to be seen no longer. */
  readonly onRevert: () => void;
  /** The eyedropper comes back from wherever it went. */
  readonly onReturn: (picture: OpenPicture) => void;
  readonly onStatus: (text: string) => void;
  readonly onFailed: (picture: OpenPicture, error: unknown) => void;
}

const NO_COLOR = ""; // of a hint that has none yet

export class HintEditor {
  private readonly panel = new HintPanel({
    onColor: (color, isChosen) => this.color(color, isChosen),
    onRemove: () => {
      if (this.edited !== undefined) this.removeFrom(this.edited.picture, this.edited.index);
    },
    onPick: () => this.setPicking(true),
    onDone: () => this.close(),
  });
  /** What the panel is about, or will be once the colors that are likely there are known. */
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
    if (this.edited === undefined) return;
    this.edited = undefined;
    this.panel.close();
    this.setPicking(false);
    if (this.isTrying) this.actions.onRevert();
    this.isTrying = false;
    // What had the focus before the panel gets it back from the browser, unless it is gone.
    if (document.activeElement === document.body) this.focusStage();
  }

  /** Make room for another picture; with the eyedropper a color is taken out of that one. */
  closeUnlessPicking(): void {
    if (!this.isPicking) this.close();
  }

  /** Give the eyedropper back, or else close the panel. */
  leave(): void {
    if (this.isPicking) this.stopPicking();
    else this.close();
  }

  /** Give the eyedropper back, with a color or without. */
  private stopPicking(): void {
    this.actions.onReturn(this.edited!.picture); // as long as it is picking that leaves the panel
    this.setPicking(false);
  }

  /** Begin a hint at a spot, or along a stroke. */
  place(points: readonly Point[], inWindow: Point): void {
    if (this.isPicking) return this.takeColor(inWindow);
    const { shown } = this;
    if (shown === undefined) return;
    const hint = { points, color: NO_COLOR, radius: this.viewer.hints.radius };
    void this.edit({ picture: shown, index: shown.history.edits.hints.length, hint }, inWindow);
  }

  /** Change a hint of the picture. */
  open(index: number, inWindow: Point): void {
    if (this.isPicking) return this.takeColor(inWindow);
    const hint = this.shown?.history.edits.hints[index];
    if (hint !== undefined) void this.edit({ picture: this.shown!, index, hint }, inWindow);
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
    const picture = this.shown;
    if (picture === undefined) return;
    if (this.edited?.picture === picture && this.edited.index === index) this.edited.hint = hint;
    this.put({ picture, index, hint }, isAtRest);
  }

  remove(index: number): void {
    if (this.shown !== undefined) this.removeFrom(this.shown, index);
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
      if (this.edited === edited) this.panel.open(suggestions, edited.hint.color === NO_COLOR ? null : edited.hint.color, inWindow);
    } catch (error) {
      this.actions.onFailed(picture, error);
    }
  }

  private color(color: string, isChosen: boolean): void {
    const { edited } = this;
    if (edited === undefined) return;
    edited.hint = { ...edited.hint, color };
    this.isTrying = !isChosen;
    this.put(edited, isChosen);
  }

  private put({ picture, index, hint }: Edited, isAtRest: boolean): void {
    const hints = [...picture.history.edits.hints];
    hints[index] = hint;
    if (isAtRest) this.actions.onChange(picture, hints);
    else this.actions.onPreview(picture, hints);
  }

  private removeFrom(picture: OpenPicture, index: number): void {
    this.close();
    this.actions.onChange(picture, picture.history.edits.hints.filter((_, other) => other !== index));
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
    if (seen === null) return;
    this.stopPicking();
    const [red, green, blue] = seen;
    this.panel.take(codeOf([red / 255, green / 255, blue / 255]));
  }

  private focusStage(): void {
    this.viewer.viewport.stage.focus({ preventScroll: true });
  }
}
