/** The row of pictures. */
import type { Edits, ForPicture } from "../messages";
import { draw, element } from "./elements";
import { History } from "./history";
import { newNumber } from "./numbers";
import { texts } from "./texts";

const TIMED = 3; // pictures after which the time left is estimated

export interface OpenPicture {
  readonly number: number;
  readonly file: File;
  readonly history: History;
  state: "waiting" | "colored" | "failed";
  /** Whether the row shows it otherwise than it is. */
  isStale: boolean;
}

/** Return what every request about a picture has. */
export function ofPicture({ number, file, history }: OpenPicture): ForPicture {
  return { picture: number, file, edits: history.edits };
}

export class Gallery {
  readonly pictures: OpenPicture[] = [];
  private readonly list = element("pictures", HTMLUListElement);
  private readonly progress = element("progress", HTMLParagraphElement);
  private readonly bar = element("progress-bar", HTMLProgressElement);
  /** How many pictures came in together to be colored, and when. */
  private batch: { readonly waiting: number; readonly since: number } | undefined;
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
    button.tabIndex = this.pictures.length === 0 ? 0 : -1;
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
    for (const [number, button] of this.buttons) {
      const isSelected = number === selected.number;
      button.setAttribute("aria-current", String(isSelected));
      button.tabIndex = isSelected ? 0 : -1; // the row is one stop of the Tab key; arrow keys go from picture to picture
    }
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
    button?.setAttribute("title", reason);
    picture.state = "failed";
    this.count();
  }

  private count(): void {
    const all = this.pictures.length;
    const colored = this.pictures.filter((picture) => picture.state === "colored").length;
    const waiting = this.pictures.filter((picture) => picture.state === "waiting").length;
    this.bar.max = all;
    this.bar.value = all - waiting;
    this.bar.hidden = waiting === 0;
    // The others will take as long as the first.
    if (waiting >= (this.batch?.waiting ?? 0)) this.batch = { waiting, since: performance.now() };
    const { waiting: begun, since } = this.batch!;
    const perPicture = (performance.now() - since) / Math.max(begun - waiting, 1);
    const isKnown = begun - waiting >= TIMED && waiting > 0;
    this.progress.ariaLive = waiting > 0 ? "off" : "polite"; // screen readers say the end, not every picture
    this.progress.textContent = texts.progress(colored, all) + (isKnown ? texts.timeLeft((perPicture * waiting) / 1000) : "");
    if (waiting === 0) this.batch = undefined;
  }

  private moveFocus(event: KeyboardEvent): void {
    const buttons = [...this.buttons.values()];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const target = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (target === undefined) return;
    buttons[target]?.focus();
    event.preventDefault();
  }
}
