/** Shows one picture: before and after, at any zoom, with its hints. What is wanted while it is busy replaces what was. */
import type { Edits, Point, ViewSize } from "../messages";
import type { WorkerClient } from "../worker/client";
import { Comparison } from "./comparison";
import { element } from "./elements";
import { ofPicture, type OpenPicture } from "./gallery";
import { HintLayer, type HintActions } from "./hint-layer";
import { Viewport } from "./viewport";

/** What is to be shown. */
interface Wanted {
  readonly picture: OpenPicture;
  readonly edits: Edits;
  readonly size: ViewSize;
}

export interface ViewerActions extends HintActions {
  readonly onShown: (picture: OpenPicture, size: Point) => void;
  readonly onFailed: (picture: OpenPicture, error: unknown) => void;
}

export class Viewer {
  readonly viewport = new Viewport(() => this.move());
  readonly hints: HintLayer;
  private readonly comparison = new Comparison();
  private readonly figure = element("viewer", HTMLElement);
  private wanted: Wanted | undefined;
  private shown: Wanted | undefined;
  /** Of the shown picture, in pixels. */
  private size: Point = [1, 1];
  /** The picture that the worker was last asked about; none once it has been closed. */
  private attempted: OpenPicture | undefined;
  private wantsDetail = false;
  private isShowing = false;

  constructor(
    private readonly client: WorkerClient,
    private readonly actions: ViewerActions,
  ) {
    this.hints = new HintLayer(this.viewport, actions);
  }

  get shownPicture(): OpenPicture | undefined {
    return this.shown?.picture;
  }

  /** Return width and height of a picture, also of one that is not shown. */
  async sizeOf(picture: OpenPicture): Promise<Point> {
    if (picture === this.shownPicture) return this.size;
    const { width, height, after } = await this.client.ask({ kind: "view", ...ofPicture(picture), size: "thumbnail", withBefore: false });
    after.close();
    return [width, height];
  }

  show(picture: OpenPicture, edits: Edits, size: ViewSize): void {
    if (picture === this.shownPicture) this.hints.show(edits.hints);
    this.wanted = { picture, edits, size };
    void this.showWanted();
  }

  /** Return the color that is seen at a point of the window, red, green and blue, 0..255; null beside the picture. */
  colorSeen(inWindow: Point): readonly [number, number, number] | null {
    const point = this.viewport.toPicture(inWindow);
    const isInside = point.every((value, axis) => value >= 0 && value < this.size[axis]!);
    return isInside ? this.comparison.colorShown(point, this.size, inWindow[0]) : null;
  }

  /** Let the color of a point of the window be seen. */
  revealAfter(inWindow: Point): void {
    this.comparison.revealAfter(inWindow[0]);
  }

  /** Forget the picture, and what is on its way of it. */
  close(): void {
    [this.wanted, this.shown, this.attempted] = [undefined, undefined, undefined];
    delete this.figure.dataset["shown"];
  }

  private async showWanted(): Promise<void> {
    if (this.isShowing) return;
    this.isShowing = true;
    this.figure.setAttribute("aria-busy", "true");
    for (let next = this.next(); next !== undefined; next = this.next()) {
      await next().catch((error: unknown) => {
        if (this.attempted !== undefined) this.actions.onFailed(this.attempted, error);
      });
    }
    this.figure.removeAttribute("aria-busy");
    this.isShowing = false;
  }

  private next(): (() => Promise<void>) | undefined {
    const { wanted, shown } = this;
    if (wanted !== undefined) {
      [this.wanted, this.attempted] = [undefined, wanted.picture];
      const isChange = wanted.picture === shown?.picture && wanted.size === "fine" && !isEqual(wanted.edits, shown.edits);
      return () => (isChange ? this.showChange(wanted) : this.showOnce(wanted));
    }
    if (!this.wantsDetail || shown === undefined) return undefined;
    this.wantsDetail = false;
    this.attempted = shown.picture;
    return () => this.showDetail(shown);
  }

  /** Show at once what has been changed, and then finely, unless it is changed again. */
  private async showChange(wanted: Wanted): Promise<void> {
    await this.showOnce({ ...wanted, size: "draft" });
    if (this.attempted === wanted.picture) this.wanted ??= wanted;
  }

  private async showOnce(wanted: Wanted): Promise<void> {
    const { picture, edits, size } = wanted;
    const isOther = picture !== this.shownPicture;
    const view = await this.client.ask({ kind: "view", ...ofPicture(picture), edits, size, withBefore: isOther });
    if (this.attempted !== picture) {
      view.before?.close();
      view.after.close();
      return;
    }
    this.comparison.hideDetail();
    this.comparison.show(view.before, view.after);
    this.shown = wanted;
    if (isOther) {
      this.size = [view.width, view.height];
      this.hints.open(this.size);
      const newest = this.wanted?.picture === picture ? this.wanted : wanted; // it may have been changed before it was shown
      this.hints.show(newest.edits.hints);
      this.viewport.open(this.size);
    }
    this.wantsDetail = size === "fine";
    this.actions.onShown(picture, this.size);
    this.figure.dataset["shown"] = size;
  }

  /** Show what is seen pixel by pixel, where the view of the whole has fewer pixels than the screen. */
  private async showDetail({ picture, edits }: Wanted): Promise<void> {
    const resolution = this.comparison.resolution(this.size[0]);
    const isFineEnough = resolution >= 1 || this.viewport.scale * devicePixelRatio <= resolution;
    if (isFineEnough) return this.comparison.hideDetail();
    const area = this.viewport.visible;
    const detail = await this.client.ask({ kind: "detail", ...ofPicture(picture), edits, area });
    if (this.attempted === picture) return this.comparison.showDetail(detail, area, this.size);
    detail.before.close();
    detail.after.close();
  }

  private move(): void {
    this.comparison.layOut();
    this.wantsDetail = true;
    if (this.shown !== undefined) void this.showWanted();
  }
}

function isEqual(one: Edits, other: Edits): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
