/** The panel in which the color of a place is chosen. */
import { codeOf } from "../color/lab";
import { colorOnWheel, placeOnWheel } from "../hints/wheel";
import type { Point, Suggestions } from "../messages";
import { draw, element } from "./elements";
import { texts } from "./texts";

const MOST_RECENT = 8;
const MARGIN = 12; // pixels of the window that stay free around the panel
const DISTANCE = 24; // of the panel from the place

export interface PanelActions {
  /** A color is tried, or chosen. */
  readonly onColor: (color: string, isChosen: boolean) => void;
  readonly onRemove: () => void;
  readonly onPick: () => void;
  /** The panel is no longer wanted. */
  readonly onDone: () => void;
}

export class HintPanel {
  private readonly dialog = element("panel", HTMLDialogElement);
  private readonly likely = element("likely", HTMLElement);
  private readonly recent = element("recent", HTMLElement);
  private readonly wheelFrame = element("wheel-frame", HTMLElement);
  private readonly wheel = element("wheel", HTMLCanvasElement);
  private readonly wheelPlace = element("wheel-place", HTMLElement);
  private readonly hue = element("hue", HTMLInputElement);
  private readonly strength = element("strength", HTMLInputElement);
  private readonly chosen = element("chosen", HTMLElement);
  private readonly removeButton = element("remove", HTMLButtonElement);
  private luma = 0.5;
  private recentColors: string[] = [];

  constructor(private readonly actions: PanelActions) {
    for (const slider of [this.hue, this.strength]) {
      slider.addEventListener("input", () => this.takeFromSliders(false));
      slider.addEventListener("change", () => this.takeFromSliders(true));
    }
    const take = (event: PointerEvent, isChosen: boolean): void => {
      if (this.wheelFrame.hasPointerCapture(event.pointerId)) this.takeFromWheel(event, isChosen);
    };
    this.wheelFrame.addEventListener("pointerdown", (event) => {
      this.wheelFrame.setPointerCapture(event.pointerId);
      take(event, false);
    });
    this.wheelFrame.addEventListener("pointermove", (event) => take(event, false));
    this.wheelFrame.addEventListener("pointerup", (event) => take(event, true));
    this.removeButton.addEventListener("click", () => actions.onRemove());
    element("pick", HTMLButtonElement).addEventListener("click", () => actions.onPick());
    element("done", HTMLButtonElement).addEventListener("click", () => actions.onDone());
  }

  /**
   * @param color What the place has been given; null where it has none yet.
   * @param inWindow Where the place is.
   */
  open({ luma, likely, wheel }: Suggestions, color: string | null, inWindow: Point): void {
    this.luma = luma;
    draw(this.wheel, wheel);
    this.likely.replaceChildren(
      ...likely.map((one) => this.swatch(one.color, texts.likelyColor(one.color, one.probability), texts.percent(one.probability))),
    );
    this.showRecent();
    this.removeButton.hidden = color === null;
    this.showColor(color ?? likely[0]?.color ?? codeOf([luma, luma, luma]));
    if (!this.dialog.open) this.dialog.show();
    this.moveTo(inWindow);
    (this.likely.firstElementChild as HTMLElement | null)?.focus();
  }

  close(): void {
    this.dialog.close();
  }

  /** Take a color from elsewhere, as if it had been chosen here. */
  take(color: string): void {
    this.choose(color);
    element("done", HTMLButtonElement).focus();
  }

  private swatch(color: string, label: string, text: string): HTMLButtonElement {
    const button = document.createElement("button");
    const field = document.createElement("span");
    field.style.backgroundColor = color;
    button.type = "button";
    button.dataset["color"] = color;
    button.setAttribute("aria-label", label);
    button.append(field, text);
    button.addEventListener("click", () => this.choose(color));
    return button;
  }

  private choose(color: string): void {
    this.showColor(color);
    this.removeButton.hidden = false;
    this.recentColors = [color, ...this.recentColors.filter((other) => other !== color)].slice(0, MOST_RECENT);
    this.showRecent();
    this.actions.onColor(color, true);
  }

  private showRecent(): void {
    this.recent.hidden = this.recentColors.length === 0;
    const focused = [...this.recent.children].indexOf(document.activeElement!);
    this.recent.replaceChildren(...this.recentColors.map((color) => this.swatch(color, texts.recentColor(color), "")));
    if (focused >= 0) (this.recent.firstElementChild as HTMLElement).focus(); // where the chosen one is now
  }

  private takeFromSliders(isChosen: boolean): void {
    const color = codeOf(colorOnWheel(this.luma, { hue: this.hue.valueAsNumber, strength: this.strength.valueAsNumber }));
    if (isChosen) this.choose(color);
    else {
      this.showPlace();
      this.actions.onColor(color, false);
    }
  }

  private takeFromWheel(event: PointerEvent, isChosen: boolean): void {
    const box = this.wheelFrame.getBoundingClientRect();
    const [x, y] = [(2 * (event.clientX - box.left)) / box.width - 1, 1 - (2 * (event.clientY - box.top)) / box.height];
    this.hue.valueAsNumber = ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360;
    this.strength.valueAsNumber = Math.min(Math.hypot(x, y), 1);
    this.takeFromSliders(isChosen);
  }

  private showColor(color: string): void {
    const { hue, strength } = placeOnWheel(this.luma, color);
    this.hue.valueAsNumber = hue;
    this.strength.valueAsNumber = strength;
    this.showPlace();
  }

  private showPlace(): void {
    const [hue, strength] = [this.hue.valueAsNumber, this.strength.valueAsNumber];
    const angle = (hue * Math.PI) / 180;
    this.wheelPlace.style.left = `${50 + 50 * strength * Math.cos(angle)}%`;
    this.wheelPlace.style.top = `${50 - 50 * strength * Math.sin(angle)}%`;
    const color = codeOf(colorOnWheel(this.luma, { hue, strength }));
    this.chosen.style.backgroundColor = color;
    this.wheelPlace.style.backgroundColor = color;
    this.hue.setAttribute("aria-valuetext", texts.hueAt(hue));
    this.strength.setAttribute("aria-valuetext", texts.percent(strength));
  }

  /** Stand beside a place of the window, and inside of it. */
  private moveTo([x, y]: Point): void {
    const { width, height } = this.dialog.getBoundingClientRect();
    const right = x + DISTANCE + width + MARGIN <= innerWidth ? x + DISTANCE : x - DISTANCE - width;
    const bounded = (value: number, length: number, room: number): number => Math.max(Math.min(value, room - length - MARGIN), MARGIN);
    this.dialog.style.setProperty("--left", `${bounded(right, width, innerWidth)}px`);
    this.dialog.style.setProperty("--top", `${bounded(y - height / 2, height, innerHeight)}px`);
  }
}
