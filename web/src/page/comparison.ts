/** The picture before and after, with a line between them. */
import type { Area, Detail, Point } from "../messages";
import { draw, element } from "./elements";
import { texts } from "./texts";

export class Comparison {
  private readonly stage = element("stage", HTMLElement);
  private readonly frame = element("frame", HTMLElement);
  private readonly line = element("line", HTMLElement);
  private readonly divider = element("divider", HTMLInputElement);
  private readonly before = element("before", HTMLCanvasElement);
  private readonly after = element("after", HTMLCanvasElement);
  private readonly details = [element("detail-before", HTMLCanvasElement), element("detail-after", HTMLCanvasElement)] as const;

  constructor() {
    this.divider.addEventListener("input", () => this.layOut());
    this.line.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      this.line.setPointerCapture(event.pointerId);
    });
    this.line.addEventListener("pointermove", (event) => {
      if (this.line.hasPointerCapture(event.pointerId)) this.moveTo(event.clientX);
    });
  }

  show(before: ImageBitmap | null, after: ImageBitmap): void {
    if (before !== null) draw(this.before, before);
    draw(this.after, after);
  }

  /** Show part of a picture of a size pixel by pixel, over what is shown of the whole. */
  showDetail({ before, after }: Detail, area: Area, [width, height]: Point): void {
    for (const [canvas, bitmap] of [[this.details[0], before], [this.details[1], after]] as const) {
      draw(canvas, bitmap);
      canvas.style.left = `${(100 * area.left) / width}%`;
      canvas.style.top = `${(100 * area.top) / height}%`;
      canvas.style.width = `${(100 * area.width) / width}%`;
      canvas.style.height = `${(100 * area.height) / height}%`;
      canvas.hidden = false;
    }
  }

  hideDetail(): void {
    for (const canvas of this.details) canvas.hidden = true;
  }

  /** Pixels of what is shown of the whole, to one of a picture of this width. */
  resolution(width: number): number {
    return this.after.width / width;
  }

  /** Return the color that is shown at a point of a picture of a size: red, green and blue, 0..255. */
  colorShown([x, y]: Point, [width, height]: Point, clientX: number): readonly [number, number, number] {
    const canvas = clientX < this.line.getBoundingClientRect().left + this.line.clientWidth / 2 ? this.after : this.before;
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;
    const [column, row] = [Math.floor((x / width) * canvas.width), Math.floor((y / height) * canvas.height)];
    context.drawImage(canvas, column, row, 1, 1, 0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    return [red!, green!, blue!];
  }

  /** Move the line out of the way, so that the color of a point of the window is seen. */
  revealAfter(clientX: number): void {
    if (clientX < this.line.getBoundingClientRect().left) return;
    this.divider.value = this.divider.max;
    this.layOut();
  }

  /** Put the line where the slider is, over the part of the picture that is in the stage. */
  layOut(): void {
    const { left, right, frameLeft } = this.visibleSides();
    const at = left + (this.divider.valueAsNumber / 100) * (right - left);
    this.line.style.left = `${at}px`;
    this.frame.style.setProperty("--after", `${at - frameLeft}px`);
    this.divider.setAttribute("aria-valuetext", texts.dividerAt(this.divider.valueAsNumber));
    this.stage.classList.toggle("all-after", this.divider.value === this.divider.max);
    this.stage.classList.toggle("all-before", this.divider.value === this.divider.min);
  }

  private moveTo(clientX: number): void {
    const { left, right } = this.visibleSides();
    const x = clientX - this.stage.getBoundingClientRect().left;
    this.divider.value = String(Math.round((100 * (x - left)) / (right - left)));
    this.layOut();
  }

  /** Where the picture begins and ends in the stage, and where it would begin beyond it. */
  private visibleSides(): { left: number; right: number; frameLeft: number } {
    const frameLeft = this.frame.offsetLeft;
    const right = Math.min(frameLeft + this.frame.offsetWidth, this.stage.clientWidth);
    return { left: Math.max(frameLeft, 0), right, frameLeft };
  }
}
