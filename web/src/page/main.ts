/** The page: pictures come in, are shown in color, and are saved. */
import { models } from "../constants.json";
import type { ModelName, Settings, ViewSize } from "../messages";
import { PictureError } from "../messages";
import { WorkerClient } from "../worker/client";
import { Comparison } from "./comparison";
import { element, fillTexts } from "./elements";
import { Gallery, type OpenPicture } from "./gallery";
import { takeFiles } from "./intake";
import { fetchPictures, takeToken } from "./local";
import { download, finish, type SavedType } from "./saving";
import { texts } from "./texts";

class Page {
  private readonly client = new WorkerClient();
  private readonly comparison = new Comparison();
  private readonly gallery = new Gallery((picture) => this.select(picture));
  private readonly start = element("start", HTMLElement);
  private readonly studio = element("studio", HTMLElement);
  private readonly viewer = element("viewer", HTMLElement);
  private readonly caption = element("caption", HTMLElement);
  private readonly problem = element("problem", HTMLElement);
  private readonly vividness = element("vividness", HTMLInputElement);
  private readonly controls = element("controls", HTMLFormElement);
  private selected: OpenPicture | undefined;
  private shown: OpenPicture | undefined;
  private wanted: ViewSize | undefined;
  private isShowing = false;
  private isFilling = false;

  constructor() {
    this.client.prepare("nano");
    this.vividness.value = String(models.nano.defaultVividness);
    this.vividness.addEventListener("input", () => this.show("draft"));
    this.vividness.addEventListener("change", () => this.show("fine"));
    this.controls.addEventListener("change", (event) => {
      if ((event.target as HTMLInputElement).name === "model") this.show("fine");
    });
    this.controls.addEventListener("submit", (event) => event.preventDefault());
    for (const button of this.controls.querySelectorAll<HTMLButtonElement>("[data-save]")) {
      button.addEventListener("click", () => void this.save(button));
    }
  }

  open(files: readonly File[]): void {
    this.problem.textContent = "";
    const added = files.map((file) => this.gallery.add(file));
    this.start.hidden = true;
    this.studio.hidden = false;
    if (added[0] !== undefined) this.select(added[0]);
    void this.fillGallery();
  }

  /** Say what went wrong. */
  complain(text: string): void {
    this.problem.textContent = text;
  }

  private get settings(): Settings {
    const model = new FormData(this.controls).get("model") as ModelName;
    return { model, vividness: this.vividness.valueAsNumber };
  }

  private select(picture: OpenPicture): void {
    this.selected = picture;
    this.gallery.mark(picture);
    this.show("fine");
  }

  /** Show the selected picture with the settings as they are; of several calls only the last counts. */
  private show(size: ViewSize): void {
    this.wanted = size;
    if (!this.isShowing) void this.showWanted();
  }

  private async showWanted(): Promise<void> {
    this.isShowing = true;
    this.viewer.setAttribute("aria-busy", "true");
    while (this.wanted !== undefined && this.selected !== undefined) {
      const size = this.wanted;
      this.wanted = undefined;
      await this.showOnce(this.selected, size);
    }
    this.viewer.removeAttribute("aria-busy");
    this.isShowing = false;
  }

  private async showOnce(picture: OpenPicture, size: ViewSize): Promise<void> {
    const isOther = picture !== this.shown;
    if (isOther) this.caption.textContent = texts.working;
    try {
      const { number, file } = picture;
      const request = { picture: number, file, settings: this.settings, size, withBefore: isOther };
      const view = await this.client.view(request, true);
      this.comparison.show(view.before, view.after);
      this.shown = picture;
      this.caption.textContent = texts.ready(file.name, view.width, view.height);
      this.viewer.dataset["shown"] = `${number} ${size}`;
    } catch (error) {
      this.fail(picture, error);
    }
  }

  /** Color the pictures of the row, one after the other, behind what the user asks for. */
  private async fillGallery(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    for (const picture of this.gallery.pictures) {
      if (picture.state !== "waiting") continue;
      const { number, file } = picture;
      const request = { picture: number, file, settings: this.settings, size: "thumbnail" as const, withBefore: false };
      await this.client.view(request, false).then(
        (view) => this.gallery.showColored(picture, view.after),
        (error: unknown) => this.fail(picture, error),
      );
    }
    this.isFilling = false;
  }

  private async save(button: HTMLButtonElement): Promise<void> {
    const picture = this.selected;
    if (picture === undefined || picture.state === "failed") return;
    const { settings } = this;
    const type = button.dataset["save"] as SavedType;
    button.disabled = true;
    this.caption.textContent = texts.saving;
    try {
      const encoded = await this.client.encode({ picture: picture.number, file: picture.file, settings, type });
      const saved = await finish(picture.file, encoded, settings.model, type);
      download(saved);
      this.caption.textContent = (saved.isComplete ? texts.saved : texts.savedWithout)(saved.name);
    } catch (error) {
      this.fail(picture, error);
    } finally {
      button.disabled = false;
    }
  }

  private fail(picture: OpenPicture, error: unknown): void {
    const failure = error instanceof PictureError ? error.failure : "failed";
    const reason = texts[failure](picture.file.name);
    console.warn(reason, error);
    this.complain(reason);
    if (picture === this.selected) this.caption.textContent = picture.file.name;
    const isOfFile = failure === "unreadable" || failure === "tooLarge";
    if (isOfFile) this.gallery.showFailed(picture, reason);
    if (isOfFile && picture === this.selected) this.selectReadable();
  }

  /** Go on to a picture that may be readable; where there is none, begin again. */
  private selectReadable(): void {
    const other = this.gallery.pictures.find((picture) => picture.state !== "failed");
    this.start.hidden = other !== undefined;
    this.studio.hidden = other === undefined;
    this.selected = undefined;
    if (other !== undefined) this.select(other);
  }
}

async function main(): Promise<void> {
  fillTexts();
  if (!("OffscreenCanvas" in window && "WebAssembly" in window)) {
    element("problem", HTMLElement).textContent = texts.noBrowser;
    return;
  }
  const page = new Page();
  takeFiles((files) => page.open(files));
  const token = takeToken();
  if (token !== null) {
    const files = await fetchPictures(token).catch(() => page.complain(texts.noStudio));
    if (files !== undefined && files.length > 0) page.open(files);
  } else if ("serviceWorker" in navigator) {
    await navigator.serviceWorker.register("service-worker.js");
  }
}

void main();
