/** The page: pictures come in, are shown in color, are told what color things have, and are saved. */
import type { Edits, Failure, Hint, ModelName, Point, ReferencePicture, ViewSize } from "../messages";
import { PictureError } from "../messages";
import { codeOf } from "../color/lab";
import { HintFileError, readHints, writeHints } from "../hints/hint-file";
import { WorkerClient } from "../worker/client";
import { Camera } from "./camera";
import { toCode } from "./colors";
import { Controls, DEFAULT_SETTINGS } from "./controls";
import { element, fillTexts } from "./elements";
import { Gallery, type OpenPicture } from "./gallery";
import { HintPanel } from "./hint-panel";
import { takeFiles } from "./intake";
import { type NamedPicture, Studio } from "./local";
import { newNumber } from "./numbers";
import { References } from "./references";
import { download, finish, nameOf, SAVED_KINDS, type SavedFile, type SavedKind, zip } from "./saving";
import { Store } from "./store";
import { texts } from "./texts";
import { Viewer } from "./viewer";

/** What the open panel is about: a hint of the picture by its number, or one that is to become its last. */
interface Asked {
  readonly picture: OpenPicture;
  readonly hint: Hint;
  readonly index: number;
}

const NO_COLOR = ""; // of a hint that is only asked about
const NO_EDITS: Edits = { settings: DEFAULT_SETTINGS, references: [], hints: [] };

class Page {
  private readonly client = new WorkerClient();
  private readonly store = new Store();
  private readonly gallery = new Gallery((picture) => this.select(picture));
  private readonly controls = new Controls(
    () => this.show("draft", { ...this.edits, settings: this.controls.settings }),
    () => this.change({ ...this.edits, settings: this.controls.settings }),
  );
  private readonly references = new References((number) => this.removeReference(number));
  private readonly viewer = new Viewer(this.client, {
    onShown: (picture, size) => this.say(texts.ready(picture.file.name, ...size)),
    onFailed: (picture, error) => this.fail(picture, error),
    onPlace: (points, inWindow) => this.place(points, inWindow),
    onOpen: (index, inWindow) => void this.ask({ picture: this.selected!, hint: this.edits.hints[index]!, index }, inWindow),
    onMove: (index, hint, isAtRest) => this.put(index, hint, isAtRest),
    onRemove: (index) => this.remove(index),
  });
  private readonly panel = new HintPanel({
    onColor: (color, isChosen) => this.color(color, isChosen),
    onRemove: () => this.removeAsked(),
    onPick: () => this.pick(true),
    onClose: () => this.leavePanel(),
  });
  private readonly camera = new Camera(this.client, DEFAULT_SETTINGS, (text) => this.complain(text));
  private readonly start = element("start", HTMLElement);
  private readonly workplace = element("studio", HTMLElement);
  private readonly caption = element("caption", HTMLElement);
  private readonly problem = element("problem", HTMLElement);
  private readonly undoButton = element("undo", HTMLButtonElement);
  private readonly redoButton = element("redo", HTMLButtonElement);
  private readonly saveAs = element("save-as", HTMLSelectElement);
  private selected: OpenPicture | undefined;
  private asked: Asked | undefined;
  /** Whether what is shown has a color that was not chosen yet. */
  private isTrying = false;
  /** Whether a click takes a color out of a picture. */
  private isPicking = false;
  private isFilling = false;

  /** @param studio What serves this page, where it is `tinct studio`. */
  constructor(private readonly studio: Studio | null) {
    if (studio !== null) this.client.reader = studio;
    this.client.prepare("nano");
    this.controls.settings = DEFAULT_SETTINGS;
    for (const kind of SAVED_KINDS) {
      if (kind.type !== null || studio !== null) this.saveAs.add(new Option(texts.savedKinds[kind.text], kind.text));
    }
    this.saveAs.add(new Option(texts.savedKinds.hints, "hints"));
    this.onClick("show-photographs", () => this.showPlace("photographs"));
    this.onClick("show-camera", () => this.showPlace("camera"));
    this.onClick("undo", () => this.travel("undo"));
    this.onClick("redo", () => this.travel("redo"));
    this.onClick("where", () => void this.askWhere());
    this.onClick("for-all", () => this.useForAll());
    this.onClick("save", () => void this.save());
    this.onClick("save-all", () => void this.saveAll());
    this.onClick("save-folder", () => void this.saveIntoFolder());
    this.onClick("forget", () => void this.forget());
    const hintFile = element("hint-file", HTMLInputElement);
    hintFile.addEventListener("change", () => {
      if (hintFile.files?.[0] !== undefined) void this.openHints(hintFile.files[0]);
      hintFile.value = "";
    });
    document.addEventListener("keydown", (event) => this.pressKey(event));
  }

  /** Open the pictures that were open before, and those that `tinct studio` was given, of which the first is shown. */
  async reopen(): Promise<void> {
    const kept = await this.store.read();
    const opened = kept.map(([number, { file, edits }]) => this.gallery.add(file, edits, number));
    const named = this.studio?.pictures ?? [];
    const found = named.map((one) => opened.find(({ file }) => isSame(file, one)));
    this.begin(found[0] ?? opened[0]);
    for (const [number, picture] of found.entries()) {
      if (picture !== undefined) continue;
      const file = await this.studio!.fetch(number).catch((error: unknown) => void this.complain(reasonOf(error, named[number]!.name)));
      if (file !== undefined) this.open([file], number === 0 || this.selected === undefined);
    }
  }

  open(files: readonly File[], isShown = true): void {
    if (isShown) this.complain("");
    const added = files.map((file) => this.gallery.add(file, { ...NO_EDITS, settings: this.controls.settings }));
    for (const { number, file, history } of added) void this.store.keep(number, { file, edits: history.edits });
    this.begin(added[0], isShown);
  }

  /** Close all pictures, and forget what was kept of them. */
  async forget(): Promise<void> {
    this.panel.close();
    this.gallery.clear();
    this.viewer.close();
    this.selected = undefined;
    this.controls.settings = DEFAULT_SETTINGS;
    this.showStart(true);
    this.say("");
    this.complain("");
    await this.store.clear();
  }

  /** Say what went wrong. */
  complain(text: string): void {
    this.problem.textContent = text;
  }

  private begin(first: OpenPicture | undefined, isShown = true): void {
    if (first === undefined) return;
    const areFew = this.gallery.pictures.length < 2;
    for (const id of ["for-all", "save-all"]) element(id, HTMLElement).hidden = areFew;
    const folderButton = element("save-folder", HTMLButtonElement);
    folderButton.hidden = areFew || this.studio === null;
    if (this.studio !== null) folderButton.textContent = texts.saveFolder(this.studio.folder);
    if (isShown) {
      this.showPlace("photographs");
      this.showStart(false);
      this.select(first);
    }
    void this.fillGallery();
  }

  private showPlace(shown: "photographs" | "camera"): void {
    this.panel.close();
    this.complain("");
    if (shown !== "camera") this.camera.stop();
    for (const place of ["photographs", "camera"]) {
      element(place, HTMLElement).hidden = place !== shown;
      element(`show-${place}`, HTMLButtonElement).setAttribute("aria-current", place === shown ? "page" : "false");
    }
  }

  private showStart(isShown: boolean): void {
    this.start.hidden = !isShown;
    this.workplace.hidden = isShown;
  }

  // What is chosen for the selected picture

  private get edits(): Edits {
    return this.selected?.history.edits ?? NO_EDITS;
  }

  private select(picture: OpenPicture): void {
    if (!this.isPicking) this.panel.close();
    this.selected = picture;
    this.gallery.mark(picture);
    this.say(texts.working);
    this.showEdits();
  }

  private change(edits: Edits): void {
    this.selected?.history.change(edits);
    this.showChanged();
  }

  private travel(direction: "undo" | "redo"): void {
    this.panel.close();
    this.selected?.history[direction]();
    this.showChanged();
  }

  private showChanged(): void {
    this.showEdits();
    if (this.selected === undefined) return;
    this.selected.isStale = true;
    this.keep(this.selected);
    void this.fillGallery();
  }

  /** Show the selected picture, and all controls, as it has been chosen. */
  private showEdits(): void {
    const picture = this.selected;
    if (picture === undefined) return;
    const { history } = picture;
    this.undoButton.disabled = !history.canUndo;
    this.redoButton.disabled = !history.canRedo;
    this.controls.settings = history.edits.settings;
    this.references.show(history.edits.references);
    this.show("fine", history.edits);
  }

  private show(size: ViewSize, edits: Edits): void {
    if (this.selected !== undefined) this.viewer.show(this.selected, edits, size);
  }

  private useForAll(): void {
    const { settings, references } = this.edits;
    for (const picture of this.gallery.pictures) {
      picture.history.change({ ...picture.history.edits, settings, references });
      picture.isStale = true;
      this.keep(picture);
    }
    this.showChanged();
  }

  private keep({ number, history, state }: OpenPicture): void {
    if (state !== "failed") void this.store.keepEdits(number, history.edits);
  }

  // References

  /** Let the selected photograph take colors from pictures. */
  async refer(files: readonly File[]): Promise<void> {
    const picture = this.selected;
    if (picture === undefined) return;
    this.complain("");
    for (const file of files) {
      this.say(texts.comparing(file.name));
      let reference: ReferencePicture;
      try {
        reference = await this.readReference(file, picture.history.edits.settings.model);
      } catch (error) {
        this.complain(reasonOf(error, file.name));
        continue;
      }
      const { edits } = picture.history;
      picture.history.change({ ...edits, references: [...edits.references, reference] });
      picture.isStale = true;
      this.keep(picture);
    }
    if (picture === this.selected) this.showEdits();
    void this.fillGallery();
  }

  private async readReference(file: File, model: ModelName): Promise<ReferencePicture> {
    const read = async (readable: File): Promise<ReferencePicture> => {
      const reference = { number: newNumber(), file: readable };
      await this.client.ask({ kind: "reference", reference, model });
      return reference;
    };
    const { reader } = this.client;
    if (reader.isFor(file)) return read(await reader.read(file));
    return read(file).catch(async (error: unknown) => {
      if (failureOf(error) !== "unreadable") throw error;
      return read(await reader.read(file));
    });
  }

  private removeReference(number: number): void {
    this.change({ ...this.edits, references: this.edits.references.filter((reference) => reference.number !== number) });
  }

  // Hints

  private place(points: readonly Point[], inWindow: Point): void {
    if (this.isPicking) return this.takeColor(inWindow);
    const hint = { points, color: NO_COLOR, radius: this.viewer.hints.radius };
    if (this.selected !== undefined) void this.ask({ picture: this.selected, hint, index: this.edits.hints.length }, inWindow);
  }

  private async ask(asked: Asked, inWindow: Point): Promise<void> {
    if (this.isPicking) return this.takeColor(inWindow);
    this.panel.close();
    this.viewer.revealAfter(inWindow);
    this.asked = asked;
    const { picture, hint } = asked;
    const at = hint.points[Math.floor(hint.points.length / 2)]!;
    const { number, file, history } = picture;
    try {
      const suggestions = await this.client.ask({ kind: "suggest", picture: number, file, edits: history.edits, at });
      if (this.asked === asked) this.panel.open(suggestions, hint.color === NO_COLOR ? null : hint.color, inWindow);
    } catch (error) {
      this.fail(picture, error);
    }
  }

  private async askWhere(): Promise<void> {
    const picture = this.selected;
    if (picture === undefined) return;
    const { number, file, history } = picture;
    try {
      const at = await this.client.ask({ kind: "where", picture: number, file, edits: history.edits });
      this.viewer.hints.moveCross(at);
      this.place([at], this.viewer.viewport.toWindow(at));
    } catch (error) {
      this.fail(picture, error);
    }
  }

  private color(color: string, isChosen: boolean): void {
    if (this.asked === undefined) return;
    this.asked = { ...this.asked, hint: { ...this.asked.hint, color } };
    this.isTrying = !isChosen;
    this.put(this.asked.index, this.asked.hint, isChosen);
  }

  /** Put a hint in the place of one of the picture, or behind them. */
  private put(index: number, hint: Hint, isAtRest: boolean): void {
    const hints = [...this.edits.hints];
    hints[index] = hint;
    if (isAtRest) this.change({ ...this.edits, hints });
    else this.show("draft", { ...this.edits, hints });
  }

  private remove(index: number): void {
    this.panel.close();
    this.change({ ...this.edits, hints: this.edits.hints.filter((_, other) => other !== index) });
  }

  private removeAsked(): void {
    const { asked } = this;
    if (asked !== undefined) this.remove(asked.index);
  }

  private leavePanel(): void {
    this.asked = undefined;
    this.pick(false);
    if (this.isTrying) this.showEdits(); // as it is without what was only tried
    this.isTrying = false;
    this.viewer.viewport.stage.focus({ preventScroll: true });
  }

  // The eyedropper

  private pick(isPicking: boolean): void {
    this.isPicking = isPicking;
    document.body.classList.toggle("picking", isPicking);
    if (!isPicking) return;
    this.say(texts.picking);
    this.viewer.viewport.stage.focus({ preventScroll: true });
  }

  private takeColor(inWindow: Point): void {
    const seen = this.viewer.colorSeen(inWindow);
    const { asked } = this;
    if (seen === null || asked === undefined) return;
    this.pick(false);
    if (asked.picture !== this.selected) {
      this.selected = asked.picture;
      this.gallery.mark(asked.picture);
    }
    this.panel.take(codeOf(seen.map((value) => value / 255) as unknown as readonly [number, number, number]));
  }

  // The row of pictures

  /** Color the pictures of the row, one after the other, behind what the user asks for. */
  private async fillGallery(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    const next = (): OpenPicture | undefined => this.gallery.pictures.find((one) => one.isStale && one.state !== "failed");
    for (let picture = next(); picture !== undefined; picture = next()) {
      picture.isStale = false;
      const { number, file, history } = picture;
      const request = { kind: "view", picture: number, file, edits: history.edits, size: "thumbnail", withBefore: false } as const;
      try {
        this.gallery.showColored(picture, (await this.client.ask(request, false)).after);
      } catch (error) {
        this.fail(picture, error);
      }
    }
    this.isFilling = false;
  }

  // Saving

  private async save(): Promise<void> {
    const picture = this.selected;
    if (picture === undefined || picture.state === "failed") return;
    const kind = this.savedKind;
    if (kind === undefined) return this.saveHints(picture);
    this.say(texts.saving);
    await this.whileSaving(picture, async () => {
      const { blob, name, isComplete } = await this.finished(picture, kind);
      download(blob, name);
      this.say((isComplete ? texts.saved : texts.savedWithout)(name));
    });
  }

  private async saveAll(): Promise<void> {
    let count = 0;
    const files = this.finishedFiles();
    const counted = async function* (): AsyncGenerator<SavedFile> {
      for await (const file of files) {
        yield file;
        count++;
      }
    };
    download(await zip(counted()), texts.zipName);
    this.say(texts.savedAll(count));
  }

  private async saveIntoFolder(): Promise<void> {
    const studio = this.studio!;
    let count = 0;
    try {
      for await (const { blob, name } of this.finishedFiles()) {
        await studio.keep(blob, name);
        count++;
      }
    } catch (error) {
      this.complain(reasonOf(error, studio.folder));
    }
    this.say(texts.savedFolder(count, studio.folder));
  }

  /** Finish all pictures, one after the other; those that fail are left out. */
  private async *finishedFiles(): AsyncGenerator<SavedFile> {
    const kind = this.savedKind ?? SAVED_KINDS[0]!;
    const pictures = this.gallery.pictures.filter((picture) => picture.state !== "failed");
    for (const [index, picture] of pictures.entries()) {
      this.say(texts.savingAll(index + 1, pictures.length));
      let finished: SavedFile | undefined;
      await this.whileSaving(picture, async () => void (finished = await this.finished(picture, kind)));
      if (finished !== undefined) yield finished;
    }
  }

  private async finished({ number, file, history }: OpenPicture, kind: SavedKind): Promise<SavedFile> {
    const { edits } = history;
    const asked = { picture: number, file, edits };
    if (this.studio !== null && kind.what === "picture") {
      try {
        const chroma = await this.client.ask({ kind: "chroma", ...asked });
        const blob = await this.studio.finish(file, kind.text, edits.settings, chroma);
        return { blob, name: nameOf(file, kind.ending), isComplete: true };
      } catch (error) {
        if (kind.type === null) throw error;
        console.warn("written by the browser", error);
      }
    }
    const encoded = await this.client.ask({ kind: "encode", ...asked, type: kind.type!, what: kind.what });
    return finish(file, encoded, edits.settings.model, kind);
  }

  private async whileSaving(picture: OpenPicture, work: () => Promise<void>): Promise<void> {
    const button = element("save", HTMLButtonElement);
    button.disabled = true;
    await work().catch((error: unknown) => this.fail(picture, error));
    button.disabled = false;
  }

  private get savedKind(): SavedKind | undefined {
    return SAVED_KINDS.find((kind) => kind.text === this.saveAs.value);
  }

  private saveHints({ file, history }: OpenPicture): void {
    const name = nameOf(file, "-hints.json");
    const text = writeHints(history.edits.hints, this.viewer.pictureSize);
    download(new Blob([text], { type: "application/json" }), name);
    this.say(texts.saved(name));
  }

  private async openHints(file: File): Promise<void> {
    try {
      const hints = readHints(await file.text(), this.viewer.pictureSize, toCode);
      this.complain("");
      this.change({ ...this.edits, hints });
    } catch (error) {
      if (!(error instanceof HintFileError)) throw error;
      this.complain(texts[error.failure](file.name, error.number));
    }
  }

  // Everything else

  private pressKey(event: KeyboardEvent): void {
    if (event.key === "Escape" && this.isPicking) this.pick(false);
    if (!(event.ctrlKey || event.metaKey)) return;
    const key = event.key.toLowerCase();
    if (key === "z") this.travel(event.shiftKey ? "redo" : "undo");
    else if (key === "y") this.travel("redo");
    else return;
    event.preventDefault();
  }

  private say(text: string): void {
    this.caption.textContent = text;
  }

  private onClick(id: string, action: () => void): void {
    element(id, HTMLButtonElement).addEventListener("click", action);
  }

  private fail(picture: OpenPicture, error: unknown): void {
    const failure = failureOf(error);
    const reason = reasonOf(error, picture.file.name);
    this.complain(reason);
    if (picture === this.selected) this.say(picture.file.name);
    const isLost = failure === "unreadable" || failure === "unreadableHeic" || failure === "tooLarge";
    if (!(isLost || (failure === "refused" && picture.state === "waiting"))) return;
    this.gallery.showFailed(picture, reason);
    void this.store.remove(picture.number);
    if (picture === this.selected) this.selectReadable();
  }

  /** Go on to a picture that may be readable; where there is none, begin again. */
  private selectReadable(): void {
    const other = this.gallery.pictures.find((picture) => picture.state !== "failed");
    this.selected = undefined;
    this.showStart(other === undefined);
    if (other !== undefined) this.select(other);
  }
}

function failureOf(error: unknown): Failure {
  return error instanceof PictureError ? error.failure : "failed";
}

/** Say why something failed, of a file. */
function reasonOf(error: unknown, name: string): string {
  const reason = texts[failureOf(error)](name, error instanceof Error ? error.message : "");
  console.warn(reason, error);
  return reason;
}

async function main(): Promise<void> {
  fillTexts();
  if (!("OffscreenCanvas" in window && "WebAssembly" in window)) {
    element("problem", HTMLElement).textContent = texts.noBrowser;
    return;
  }
  const studio = await Studio.find().catch((error: unknown) => {
    console.warn(error);
    return undefined;
  });
  const page = new Page(studio ?? null);
  takeFiles((files) => page.open(files), (files) => void page.refer(files));
  if (studio === undefined) page.complain(texts.noStudioAtAll);
  await page.reopen();
  // What tinct studio serves shall be the page of the tinct that is installed: it gives no service worker.
  if (studio === null && "serviceWorker" in navigator) await navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
}

/** Tell whether a file that is open is a picture of the machine. */
function isSame(file: File, { name, size, modified }: NamedPicture): boolean {
  return file.name === name && file.size === size && file.lastModified === modified;
}

void main();
