/** The row of pictures. */
import { draw, element } from "./elements";
import { texts } from "./texts";

export interface OpenPicture {
  readonly number: number;
  readonly file: File;
  state: "waiting" | "colored" | "failed";
}

export class Gallery {
  readonly pictures: OpenPicture[] = [];
  private readonly list = element("pictures", HTMLUListElement);
  private readonly progress = element("progress", HTMLParagraphElement);
  private readonly buttons = new Map<number, HTMLButtonElement>();

  constructor(private readonly onSelect: (picture: OpenPicture) => void) {
    this.list.addEventListener("keydown", (event) => this.moveFocus(event));
  }

  add(file: File): OpenPicture {
    const picture: OpenPicture = { number: this.pictures.length, file, state: "waiting" };
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
    this.buttons.set(picture.number, button);
    this.pictures.push(picture);
    this.count();
    return picture;
  }

  mark(selected: OpenPicture): void {
    for (const [number, button] of this.buttons) button.setAttribute("aria-current", String(number === selected.number));
    this.buttons.get(selected.number)!.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  showColored(picture: OpenPicture, thumbnail: ImageBitmap): void {
    const canvas = document.createElement("canvas");
    draw(canvas, thumbnail);
    const button = this.buttons.get(picture.number)!;
    button.replaceChildren(canvas);
    button.setAttribute("aria-label", picture.file.name);
    picture.state = "colored";
    this.count();
  }

  showFailed(picture: OpenPicture, reason: string): void {
    const button = this.buttons.get(picture.number)!;
    button.classList.add("failed");
    button.setAttribute("aria-label", reason);
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
