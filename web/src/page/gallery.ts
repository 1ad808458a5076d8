/** The row of pictures. */
import type { Edits } from "../messages";
import { draw, element } from "./elements";
import { History } from "./history";
import { newNumber } from "./numbers";
import { texts } from "./texts";

export interface OpenPicture {
  readonly number: number;
  readonly file: File;
  readonly history: History;
  state: "waiting" | "colored" | "failed";
  /** Whether the row shows it otherwise than it is. */
  isStale: boolean;
}

export class Gallery {
  readonly pictures: OpenPicture[] = [];
  private readonly list = element("pictures", HTMLUListElement);
  private readonly progress = element("progress", HTMLParagraphElement);
  private readonly buttons = new Map<number, HTMLButtonElement>();

  constructor(private readonly onSelect: (picture: OpenPicture) => void) {
    this.list.addEventListener("keydown", (event) => this.moveFocus(event));
  }

  /** @param number Of a picture that was open before; a new one if left out. */
  add(file: File, edits: Edits, number = newNumber()): OpenPicture {
    const picture: OpenPicture = { number, file, history: new History(edits), state: "waiting", isStale: true };
    const button = document.createElement("button");
    const name = document.createElement("span");
    name.textContent = file.name;
    button.type = "button";
    button.append(name);
    button.setAttribute("aria-label", texts.waiting(file.name));
    button.addEventListener("click", () => this.onSelect(picture));
    const item = document.createElement("li");
    item.append(button);
    this.list.append(item);
    this.buttons.set(number, button);
    this.pictures.push(picture);
    this.count();
    return picture;
  }

  clear(): void {
    this.pictures.length = 0;
    this.buttons.clear();
    this.list.replaceChildren();
  }

  mark(selected: OpenPicture): void {
    for (const [number, button] of this.buttons) button.setAttribute("aria-current", String(number === selected.number));
    const button = this.buttons.get(selected.number)!;
    // Not scrollIntoView: on a phone that would scroll the picture out of sight.
    this.list.scrollTo({ left: button.offsetLeft - (this.list.clientWidth - button.offsetWidth) / 2 });
  }

  showColored(picture: OpenPicture, thumbnail: ImageBitmap): void {
    const canvas = document.createElement("canvas");
    draw(canvas, thumbnail);
    const button = this.buttons.get(picture.number);
    button?.replaceChildren(canvas);
    button?.setAttribute("aria-label", picture.file.name);
    picture.state = "colored";
    this.count();
  }

  showFailed(picture: OpenPicture, reason: string): void {
    const button = this.buttons.get(picture.number);
    button?.classList.add("failed");
    button?.setAttribute("aria-label", reason);
    picture.state = "failed";
    this.count();
  }

  private count(): void {
    const done = this.pictures.filter((picture) => picture.state === "colored").length;
    this.progress.textContent = texts.progress(done, this.pictures.length);
  }

  private moveFocus(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    const buttons = [...this.buttons.values()];
    buttons[buttons.indexOf(document.activeElement as HTMLButtonElement) + step]?.focus();
    event.preventDefault();
  }
}
