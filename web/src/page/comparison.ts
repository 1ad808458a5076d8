/** The picture before and after, with a line between them that is a slider for all devices. */
import { draw, element } from "./elements";
import { texts } from "./texts";

export class Comparison {
  private readonly frame = element("frame", HTMLElement);
  private readonly before = element("before", HTMLCanvasElement);
  private readonly after = element("after", HTMLCanvasElement);
  private readonly divider = element("divider", HTMLInputElement);

  constructor() {
    this.divider.addEventListener("input", () => this.move());
    this.move();
  }

  show(before: ImageBitmap | null, after: ImageBitmap): void {
    if (before !== null) draw(this.before, before);
    draw(this.after, after);
  }

  private move(): void {
    this.frame.style.setProperty("--at", `${this.divider.value}%`);
    this.divider.setAttribute("aria-valuetext", texts.dividerAt(this.divider.valueAsNumber));
  }
}
