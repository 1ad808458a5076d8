/** The row of pictures. */
import type { Edits, ForPicture } from "../messages";
import { draw, element } from "./elements";
import { History } from "./history";
import { newNumber } from "./numbers";
import { texts } from "./texts";

const TIMED = 3; // pictures after which the time left is estimated

/** How a picture stands in the row; all but the last two are to be colored there. */
type State =
  /** It came in, and may be no picture at all. */
  | "new"
  /** It was open before. */
  | "kept"
  /** The row shows it otherwise than it has been chosen. */
  | "stale"
  | "colored"
  /** It is not tried again before somebody looks at it. */
  | "failed";

export interface OpenPicture {
  readonly number: number;
  file: File;
  readonly history: History;
  state: State;
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

  /** @param kept Number of a picture that was open before. */
  add(file: File, edits: Edits, kept?: number): OpenPicture {
    const number = kept ?? newNumber();
    const picture: OpenPicture = { number, file, history: new History(edits), state: kept === undefined ? "new" : "kept" };
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

  /** @param edits With which the thumbnail was colored; others may have been chosen meanwhile. */
  showColored(picture: OpenPicture, thumbnail: ImageBitmap, edits: Edits): void {
    const canvas = document.createElement("canvas");
    draw(canvas, thumbnail);
    const button = this.buttons.get(picture.number);
    button?.replaceChildren(canvas);
    button?.classList.remove("failed");
    button?.setAttribute("aria-label", picture.file.name);
    button?.removeAttribute("title");
    picture.state = edits === picture.history.edits ? "colored" : "stale";
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
    const colored = this.pictures.filter(({ state }) => state === "colored" || state === "stale").length;
    const waiting = this.pictures.filter(({ state }) => state === "new" || state === "kept").length;
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
