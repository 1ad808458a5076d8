/** Which part of the picture is seen, and how large: by wheel, pinch, drag and keyboard. */
import { clamp } from "../arithmetic";
import type { Area, Point } from "../messages";
import { element } from "./elements";
import { texts } from "./texts";

const LARGEST_PIXEL = 16; // of the screen, to one of the picture
const SEEN_PIXEL = 2; // of the screen, to one of the picture: from there on pixels are shown as squares
const STEP = 1.5; // of the buttons and keys
const WHEEL_STEP = 0.0015; // logarithm of the zoom, to a pixel of scrolling: a notch of a wheel is 16 %
const SMALLEST_SCALE = 1e-6; // of a stage that has no size, as a hidden one

export class Viewport {
  readonly stage = element("stage", HTMLElement);
  private readonly frame = element("frame", HTMLElement);
  private readonly fitButton = element("zoom-fit", HTMLButtonElement);
  private size: Point = [1, 1];
  /** Over the size at which the whole picture is seen. */
  private zoom = 1;
  /** Of the picture, 0..1: what is in the middle of the stage. */
  private middle: Point = [0.5, 0.5];

  /** @param onMove Called whenever another part of the picture is seen. */
  constructor(private readonly onMove: () => void) {
    this.stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * WHEEL_STEP), [event.clientX, event.clientY]);
    });
    element("zoom-in", HTMLButtonElement).addEventListener("click", () => this.zoomIn());
    element("zoom-out", HTMLButtonElement).addEventListener("click", () => this.zoomOut());
    this.fitButton.addEventListener("click", () => this.fit());
    new ResizeObserver(() => this.layOut()).observe(this.stage);
  }

  /** Show the whole of a picture of a size. */
  open(size: Point): void {
    this.size = size;
    this.stage.style.setProperty("--ratio", String(size[0] / size[1]));
    this.fit();
  }

  fit(): void {
    [this.zoom, this.middle] = [1, [0.5, 0.5]];
    this.layOut();
  }

  /** @param around A point of the window that stays where it is; the middle of the stage if left out. */
  zoomIn(around?: Point): void {
    this.zoomBy(STEP, around);
  }

  zoomOut(): void {
    this.zoomBy(1 / STEP);
  }

  /** @param around A point of the window that stays where it is; the middle of the stage if left out. */
  zoomBy(factor: number, around?: Point): void {
    const zoom = clamp(this.zoom * factor, 1, this.mostZoom);
    const box = this.stage.getBoundingClientRect();
    const [x, y] = around ?? [box.left + box.width / 2, box.top + box.height / 2];
    const [pictureX, pictureY] = this.toPicture([x, y]);
    this.zoom = zoom;
    const scale = this.scale; // with the new zoom
    const [fromMiddleX, fromMiddleY] = [x - box.left - box.width / 2, y - box.top - box.height / 2];
    this.middle = [(pictureX - fromMiddleX / scale) / this.size[0], (pictureY - fromMiddleY / scale) / this.size[1]];
    this.layOut();
  }

  /** Move the picture by so many pixels of the screen. */
  panBy(dx: number, dy: number): void {
    const { scale, size, middle } = this;
    this.middle = [middle[0] - dx / (scale * size[0]), middle[1] - dy / (scale * size[1])];
    this.layOut();
  }

  /** Move a point of the picture into sight. */
  reveal([x, y]: Point): void {
    const { left, top, width, height } = this.visible;
    if (x >= left && x <= left + width && y >= top && y <= top + height) return;
    this.middle = [x / this.size[0], y / this.size[1]];
    this.layOut();
  }

  /** Pixels of the screen to one of the picture. */
  get scale(): number {
    return this.fitScale * this.zoom;
  }

  /** Turn a point of the window into one of the picture. */
  toPicture([x, y]: Point): Point {
    const box = this.frame.getBoundingClientRect();
    return [(x - box.left) / this.scale, (y - box.top) / this.scale];
  }

  /** Turn a point of the picture into one of the window. */
  toWindow([x, y]: Point): Point {
    const box = this.frame.getBoundingClientRect();
    return [box.left + x * this.scale, box.top + y * this.scale];
  }

  /** The part of the picture that is seen, in whole pixels. */
  get visible(): Area {
    const { clientWidth, clientHeight } = this.stage;
    const { scale, size, middle } = this;
    const [width, height] = size;
    const left = Math.max(Math.floor(middle[0] * width - clientWidth / 2 / scale), 0);
    const top = Math.max(Math.floor(middle[1] * height - clientHeight / 2 / scale), 0);
    const right = Math.min(Math.ceil(middle[0] * width + clientWidth / 2 / scale), width);
    const bottom = Math.min(Math.ceil(middle[1] * height + clientHeight / 2 / scale), height);
    return { left, top, width: Math.max(right - left, 1), height: Math.max(bottom - top, 1) };
  }

  private get fitScale(): number {
    const { clientWidth, clientHeight } = this.stage;
    return Math.max(Math.min(clientWidth / this.size[0], clientHeight / this.size[1]), SMALLEST_SCALE);
  }

  private get mostZoom(): number {
    return Math.max(LARGEST_PIXEL / this.fitScale, 1);
  }

  private layOut(): void {
    const { clientWidth, clientHeight } = this.stage;
    const width = this.size[0] * this.scale;
    const height = this.size[1] * this.scale;
    const bounded = (middle: number, length: number, room: number): number => {
      const half = Math.min(room / 2 / length, 0.5);
      return clamp(middle, half, 1 - half);
    };
    this.middle = [bounded(this.middle[0], width, clientWidth), bounded(this.middle[1], height, clientHeight)];
    const { style } = this.frame;
    style.width = `${width}px`;
    style.height = `${height}px`;
    style.left = `${clientWidth / 2 - this.middle[0] * width}px`;
    style.top = `${clientHeight / 2 - this.middle[1] * height}px`;
    this.stage.classList.toggle("zoomed", this.zoom > 1);
    this.stage.classList.toggle("pixels", this.scale * devicePixelRatio >= SEEN_PIXEL);
    this.fitButton.textContent = texts.zoomed(this.scale);
    this.fitButton.setAttribute("aria-label", `${texts.zoomed(this.scale)}, ${texts.zoomFit}`);
    this.onMove();
  }
}
