/** Hints on the picture: markers and strokes, and the gestures and keys that make, move and delete them. */
import { clamp } from "../arithmetic";
import type { Hint, Point } from "../messages";
import { displayCode } from "../color/lab";
import { element } from "./elements";
import { texts } from "./texts";
import type { Viewport } from "./viewport";

const CLICK_REACH = 5; // pixels of the screen by which a click may move
const CROSS_STEP = 16; // pixels of the screen to a press of an arrow key; 1 with Shift
const SVG = "http://www.w3.org/2000/svg";

type Tool = "spot" | "stroke";

export interface HintActions {
  /** A place is to be colored that no hint is about. */
  readonly onPlace: (points: readonly Point[], inWindow: Point) => void;
  /** A hint is to be changed. */
  readonly onOpen: (index: number, inWindow: Point) => void;
  /** A hint is moved; at rest it stays where it is. */
  readonly onMove: (index: number, hint: Hint, isAtRest: boolean) => void;
  readonly onRemove: (index: number) => void;
}

export class HintLayer {
  private readonly list = element("hints", HTMLOListElement);
  private readonly strokes = document.getElementById("strokes") as unknown as SVGSVGElement;
  private readonly cross = element("cross", HTMLElement);
  private readonly radiusInput = element("radius", HTMLInputElement);
  private readonly pointers = new Map<number, Point>();
  private tool: Tool = "spot";
  private size: Point = [1, 1];
  private hints: readonly Hint[] = [];
  /** Where the keyboard is, in the picture. */
  private crossAt: Point = [0, 0];
  /** Corners of the stroke that is being drawn. */
  private drawn: Point[] = [];
  private pressedAt: Point = [0, 0];
  private isDragging = false;

  constructor(
    private readonly viewport: Viewport,
    private readonly actions: HintActions,
  ) {
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool][aria-pressed]")) {
      button.addEventListener("click", () => this.choose(button.dataset["tool"] as Tool));
    }
    const { stage } = viewport;
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.drag(event));
    stage.addEventListener("pointerup", (event) => this.release(event));
    stage.addEventListener("pointercancel", (event) => this.cancel(event));
    stage.addEventListener("keydown", (event) => this.pressKey(event));
    stage.addEventListener("focus", () => (this.cross.hidden = !stage.matches(":focus-visible")));
    stage.addEventListener("blur", () => (this.cross.hidden = true));
  }

  /** Radius of new hints, in pixels of the picture. */
  get radius(): number {
    return rounded((this.radiusInput.valueAsNumber / 100) * Math.min(...this.size));
  }

  open(size: Point): void {
    this.size = size;
    this.strokes.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    this.moveCross([size[0] / 2, size[1] / 2]);
  }

  show(hints: readonly Hint[]): void {
    this.hints = hints;
    const focused = [...this.list.children].findIndex((item) => item.contains(document.activeElement));
    while (this.list.children.length > hints.length) this.list.lastElementChild!.remove();
    while (this.list.children.length < hints.length) this.list.append(this.makeMarker(this.list.children.length));
    hints.forEach((hint, index) => this.showMarker(hint, index));
    if (focused >= hints.length) this.viewport.stage.focus();
    this.strokes.replaceChildren(...hints.filter(({ points }) => points.length > 1).map(({ points }) => polyline(points)));
  }

  /** Put the cross of the keyboard to a point. */
  moveCross([x, y]: Point): void {
    const [width, height] = this.size;
    this.crossAt = [clamp(x, 0, width), clamp(y, 0, height)];
    this.place(this.cross, this.crossAt);
    this.viewport.reveal(this.crossAt);
  }

  private choose(tool: Tool): void {
    this.tool = tool;
    this.viewport.stage.dataset["tool"] = tool;
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-tool][aria-pressed]")) {
      button.setAttribute("aria-pressed", String(button.dataset["tool"] === tool));
    }
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.viewport.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.isDragging = this.pointers.size > 1;
    this.pressedAt = [event.clientX, event.clientY];
    this.drawn = this.tool === "stroke" && !this.isDragging ? [this.viewport.toPicture(this.pressedAt)] : [];
    this.showDrawn();
  }

  private drag(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return;
    const now: Point = [event.clientX, event.clientY];
    this.isDragging ||= Math.hypot(now[0] - this.pressedAt[0], now[1] - this.pressedAt[1]) > CLICK_REACH;
    if (!this.isDragging) return;
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, now);
    else if (this.drawn.length > 0) this.draw(now);
    else this.viewport.panBy(now[0] - before[0], now[1] - before[1]);
    this.pointers.set(event.pointerId, now);
  }

  private pinch(moved: number, before: Point, now: Point): void {
    const other = [...this.pointers].find(([id]) => id !== moved)![1];
    const distance = ([x, y]: Point): number => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
    this.viewport.panBy((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    this.viewport.zoomBy(distance(now) / distance(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
  }

  private draw(now: Point): void {
    const point = this.viewport.toPicture(now);
    if (this.isInside(point)) this.drawn.push(point);
    this.showDrawn();
  }

  private release(event: PointerEvent): void {
    if (!this.pointers.delete(event.pointerId)) return;
    const inWindow: Point = [event.clientX, event.clientY];
    const points = this.isDragging ? this.drawn : [this.viewport.toPicture(inWindow)];
    this.drawn = [];
    this.showDrawn();
    if (this.pointers.size === 0 && points.length > 0 && points.every((point) => this.isInside(point))) {
      this.moveCross(points[0]!); // the keyboard goes on from here
      this.actions.onPlace(thinnedOut(points, 2 / this.viewport.scale).map(roundedPoint), inWindow);
    }
  }

  private cancel(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    this.drawn = [];
    this.showDrawn();
  }

  private pressKey(event: KeyboardEvent): void {
    if (event.target !== this.viewport.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (event.shiftKey ? 1 : CROSS_STEP) / this.viewport.scale;
    const move = stepOf(event.key, step);
    if (move !== null) this.moveCross([this.crossAt[0] + move[0], this.crossAt[1] + move[1]]);
    else if (event.key === "Enter" || event.key === " ") this.actions.onPlace([roundedPoint(this.crossAt)], this.viewport.toWindow(this.crossAt));
    else if (event.key === "+" || event.key === "=") this.viewport.zoomIn(this.viewport.toWindow(this.crossAt));
    else if (event.key === "-") this.viewport.zoomOut();
    else if (event.key === "0") this.viewport.fit();
    else return;
    this.cross.hidden = false;
    event.preventDefault();
  }

  private makeMarker(index: number): HTMLLIElement {
    const button = document.createElement("button");
    button.type = "button";
    let from: Point | null = null;
    let moved: Hint | null = null;
    const hint = (): Hint => this.hints[index]!;
    const center = (): Point => this.viewport.toWindow(hint().points[0]!);
    button.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      if (event.button !== 0) return;
      button.setPointerCapture(event.pointerId);
      [from, moved] = [[event.clientX, event.clientY], null];
    });
    button.addEventListener("pointermove", (event) => {
      if (from === null || !button.hasPointerCapture(event.pointerId)) return;
      const [dx, dy] = [event.clientX - from[0], event.clientY - from[1]];
      if (moved === null && Math.hypot(dx, dy) <= CLICK_REACH) return;
      from = [event.clientX, event.clientY];
      moved = this.movedBy(hint(), [dx / this.viewport.scale, dy / this.viewport.scale]);
      this.actions.onMove(index, moved, false);
    });
    const rest = (): void => {
      if (moved !== null) this.actions.onMove(index, moved, true);
      from = null;
    };
    button.addEventListener("pointerup", rest);
    button.addEventListener("pointercancel", () => {
      rest();
      moved = null; // no click follows
    });
    button.addEventListener("click", () => {
      if (moved === null) this.actions.onOpen(index, center());
      moved = null;
    });
    button.addEventListener("keydown", (event) => {
      const move = stepOf(event.key, (event.shiftKey ? 1 : CROSS_STEP) / this.viewport.scale);
      if (move !== null) this.actions.onMove(index, this.movedBy(hint(), move), true);
      else if (event.key === "Delete" || event.key === "Backspace") this.actions.onRemove(index);
      else return;
      event.preventDefault();
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  private showMarker({ points, color }: Hint, index: number): void {
    const item = this.list.children[index] as HTMLLIElement;
    this.place(item, points[0]!);
    const button = item.firstElementChild as HTMLButtonElement;
    button.style.backgroundColor = displayCode(color);
    button.setAttribute("aria-label", (points.length > 1 ? texts.strokeNumber : texts.spotNumber)(index + 1, color));
  }

  private showDrawn(): void {
    this.strokes.querySelector(".drawn")?.remove();
    if (this.drawn.length < 2) return;
    const line = polyline(this.drawn);
    line.classList.add("drawn");
    this.strokes.append(line);
  }

  /** Move a hint, but not out of the picture. */
  private movedBy(hint: Hint, [dx, dy]: Point): Hint {
    const bounded = (axis: 0 | 1, by: number): number => {
      const values = hint.points.map((point) => point[axis]);
      return clamp(by, -Math.min(...values), this.size[axis] - Math.max(...values));
    };
    const [x, y] = [bounded(0, dx), bounded(1, dy)];
    return { ...hint, points: hint.points.map((point) => roundedPoint([point[0] + x, point[1] + y])) };
  }

  private isInside([x, y]: Point): boolean {
    return x >= 0 && y >= 0 && x <= this.size[0] && y <= this.size[1];
  }

  private place({ style }: HTMLElement, [x, y]: Point): void {
    style.left = `${(100 * x) / this.size[0]}%`;
    style.top = `${(100 * y) / this.size[1]}%`;
  }
}

/** Round to what is worth writing down: a hundredth of a pixel. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function roundedPoint([x, y]: Point): Point {
  return [rounded(x), rounded(y)];
}

function stepOf(key: string, step: number): Point | null {
  const steps: Record<string, Point> = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  return steps[key] ?? null;
}

/** Leave out points of a line that are nearer to the one before than a distance. */
function thinnedOut(points: readonly Point[], distance: number): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    const last = kept.at(-1);
    if (last === undefined || Math.hypot(point[0] - last[0], point[1] - last[1]) >= distance) kept.push(point);
  }
  return kept;
}

function polyline(points: readonly Point[]): SVGPolylineElement {
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.map((point) => point.join(",")).join(" "));
  return line;
}
