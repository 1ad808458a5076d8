/** The page: pictures come in, are shown in color, get the colors that somebody gives them, and are saved. */
import type { Edits, Failure, ModelName, Point, ReferencePicture, ViewSize } from "../messages";
import { HintFileError, readHints } from "../hints/hint-file";
import { WorkerClient } from "../worker/client";
import { Camera } from "./camera";
import { toCode } from "./colors";
import { Controls, DEFAULT_SETTINGS } from "./controls";
import { element } from "./elements";
import { failureOf, reasonOf } from "./failures";
import { Gallery, ofPicture, type OpenPicture } from "./gallery";
import { HintEditor } from "./hint-editor";
import { type NamedPicture, Studio } from "./local";
import { newNumber } from "./numbers";
import { References } from "./references";
import { Saver } from "./saver";
import { Store } from "./store";
import { texts } from "./texts";
import { Viewer } from "./viewer";

const NO_EDITS: Edits = { settings: DEFAULT_SETTINGS, references: [], hints: [] };
/** Failures that lie in the file, not in the moment. */
const UNREADABLE: ReadonlySet<Failure> = new Set(["unreadable", "unreadableHeic", "tooLarge", "refused"]);

export class Page {
  private readonly client = new WorkerClient();
  private readonly store = new Store(() => this.showProblem(texts.notKept));
  private readonly gallery = new Gallery((picture) => this.select(picture));
  private readonly controls = new Controls(
    () => this.show("draft", { ...this.edits, settings: this.controls.settings }),
    () => this.change({ settings: this.controls.settings }),
  );
  private readonly references = new References((number) => this.removeReference(number));
  private readonly viewer = new Viewer(this.client, {
    onShown: (picture, size) => this.showReady(picture, size),
    onFailed: (picture, error) => this.fail(picture, error),
    onPlace: (points, inWindow) => this.hintEditor.place(points, inWindow),
    onOpen: (index, inWindow) => this.hintEditor.open(index, inWindow),
    onMove: (index, hint, isAtRest) => this.hintEditor.move(index, hint, isAtRest),
    onRemove: (index) => this.hintEditor.remove(index),
  });
  private readonly hintEditor = new HintEditor(this.client, this.viewer, {
    selected: () => this.selected,
    onPreview: (picture, hints) => this.viewer.show(picture, { ...picture.history.edits, hints }, "draft"),
    onChange: (picture, hints) => this.change({ hints }, picture),
    onRevert: () => this.showEdits(),
    onReturn: (picture) => this.select(picture),
    onStatus: (text) => this.showStatus(text),
    onFailed: (picture, error) => this.fail(picture, error),
  });
  private readonly saver: Saver;
  private readonly camera = new Camera(this.client, DEFAULT_SETTINGS, (text) => this.showProblem(text));
  private readonly photographs = element("photographs", HTMLElement);
  private readonly start = element("start", HTMLElement);
  private readonly workplace = element("studio", HTMLElement);
  private readonly forAllButton = element("for-all", HTMLButtonElement);
  private readonly status = element("caption", HTMLElement);
  private readonly problem = element("problem", HTMLElement);
  private readonly undoButton = element("undo", HTMLButtonElement);
  private readonly redoButton = element("redo", HTMLButtonElement);
  private selected: OpenPicture | undefined;
  /** The picture that could not be shown, of which the page says so. */
  private troubled: OpenPicture | undefined;
  private isFilling = false;

  /** @param studio What serves this page, where it is `tinct studio`. */
  constructor(private readonly studio: Studio | null) {
    if (studio !== null) this.client.reader = studio;
    this.client.prepare("nano");
    this.controls.settings = DEFAULT_SETTINGS;
    this.saver = new Saver(this.client, this.viewer, studio, {
      onStatus: (text) => this.showStatus(text),
      onProblem: (text) => this.showProblem(text),
      onFailed: (picture, error) => void this.report(picture, error),
    });
    this.onClick("show-photographs", () => this.showPlace("photographs"));
    this.onClick("show-camera", () => this.showPlace("camera"));
    this.onClick("undo", () => this.step("undo"));
    this.onClick("redo", () => this.step("redo"));
    this.onClick("where", () => void this.hintEditor.placeBest());
    this.onClick("for-all", () => this.useForAll());
    this.onClick("save", () => void this.save());
    this.onClick("save-all", () => void this.saver.saveAll([...this.gallery.pictures]));
    this.onClick("save-folder", () => void this.saver.saveIntoFolder([...this.gallery.pictures]));
    this.onClick("forget", () => void this.forget());
    document.addEventListener("keydown", (event) => this.pressKey(event));
  }

  /** Open the pictures that were open before, and those that `tinct studio` was given, of which the first is shown where none is. */
  async reopen(): Promise<void> {
    const kept = await this.store.read();
    const isOpen = new Set(this.gallery.pictures.map(({ number }) => number)); // chosen, and kept, while the store was read
    const before = kept.filter(([number]) => !isOpen.has(number));
    const opened = before.map(([number, { file, edits }]) => this.gallery.add(file, edits, number));
    const named = this.studio?.pictures ?? [];
    const found = named.map((one) => opened.find(({ file }) => isSame(file, one)));
    this.begin(found[0] ?? opened[0], this.selected === undefined);
    for (const [number, picture] of found.entries()) {
      if (picture !== undefined) continue;
      const file = await this.studio!.fetch(number).catch((error: unknown) => void this.showProblem(reasonOf(error, named[number]!.name)));
      if (file !== undefined) this.open([file], (number === 0 && isOpen.size === 0) || this.selected === undefined);
    }
  }

  open(files: readonly File[], isShown = true): void {
    if (isShown) this.showProblem("");
    const added = files.map((file) => this.gallery.add(file, { ...NO_EDITS, settings: this.controls.settings }));
    for (const picture of added) void this.keepNew(picture);
    this.begin(added[0], isShown);
  }

  /** Let the selected photograph take colors from pictures. */
  async addReferences(files: readonly File[]): Promise<void> {
    const picture = this.selected;
    if (picture === undefined) return;
    this.showProblem("");
    for (const file of files) {
      this.showStatus(texts.comparing(file.name));
      try {
        const reference = await this.readReference(file, picture.history.edits.settings.model);
        const { edits } = picture.history;
        this.edit(picture, { ...edits, references: [...edits.references, reference] });
      } catch (error) {
        this.showProblem(reasonOf(error, file.name));
      }
    }
    if (picture === this.selected) this.showEdits();
    void this.fillGallery();
  }

  /** Give the selected photograph the hints of a file. */
  async openHints(file: File): Promise<void> {
    const picture = this.selected;
    if (picture === undefined) return;
    try {
      const hints = readHints(await file.text(), await this.viewer.sizeOf(picture), toCode);
      this.showProblem("");
      if (picture !== this.selected) return;
      this.hintEditor.close(); // it may be about a hint that is no longer there
      this.change({ hints });
    } catch (error) {
      const isWrong = error instanceof HintFileError;
      this.showProblem(isWrong ? texts[error.failure](file.name, error.number) : reasonOf(error, file.name));
    }
  }

  /** Show what went wrong; nothing, where the text is empty. */
  showProblem(text: string): void {
    this.problem.textContent = text;
    this.troubled = undefined;
  }

  private showStatus(text: string): void {
    this.status.textContent = text;
  }

  private showReady(picture: OpenPicture, size: Point): void {
    this.showStatus(texts.ready(picture.file.name, ...size));
    if (picture === this.troubled) this.showProblem("");
    if (picture.state !== "failed") return;
    picture.state = "stale"; // what can be shown can be colored in the row as well
    void this.fillGallery();
  }

  /** Close all pictures, and forget what was kept of them. */
  private async forget(): Promise<void> {
    this.hintEditor.close();
    this.gallery.clear();
    this.viewer.close();
    this.references.show([]);
    this.selected = undefined;
    this.controls.settings = DEFAULT_SETTINGS;
    this.showStart(true);
    element("files", HTMLInputElement).focus({ preventScroll: true }); // the button is gone that had the focus
    this.showStatus("");
    this.showProblem("");
    await this.store.clear();
  }

  /** @param isShown Whether the first of the pictures that came in is shown, whatever is shown now. */
  private begin(first: OpenPicture | undefined, isShown = true): void {
    if (first === undefined) return;
    const areMany = this.gallery.pictures.length > 1;
    this.forAllButton.hidden = !areMany;
    this.saver.offerAll(areMany);
    if (isShown) {
      const hadFocus = this.start.contains(document.activeElement);
      this.showPlace("photographs");
      this.showStart(false);
      if (hadFocus) this.viewer.viewport.stage.focus({ preventScroll: true });
      this.select(first);
    }
    void this.fillGallery();
  }

  private showPlace(shown: "photographs" | "camera"): void {
    this.hintEditor.close();
    this.showProblem("");
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
    this.hintEditor.closeUnlessPicking();
    this.selected = picture;
    this.gallery.mark(picture);
    this.showStatus(texts.working);
    this.showChanged(); // what could not be colored for want of the network is tried again
  }

  private change(change: Partial<Edits>, picture = this.selected): void {
    if (picture === undefined) return;
    this.edit(picture, { ...picture.history.edits, ...change });
    this.showChanged();
  }

  private step(direction: "undo" | "redo"): void {
    this.hintEditor.close();
    if (this.selected === undefined) return;
    this.selected.history[direction]();
    this.keep(this.selected);
    this.showChanged();
  }

  /** Take edits for a picture, as a step that can be taken back. */
  private edit(picture: OpenPicture, edits: Edits): void {
    picture.history.change(edits);
    this.keep(picture);
  }

  private keep(picture: OpenPicture): void {
    if (picture.state === "colored") picture.state = "stale";
    void this.store.keepEdits(picture.number, picture.history.edits);
  }

  /** Keep a picture, and go on with the copy: the original may be moved, or its card pulled out. */
  private async keepNew(picture: OpenPicture): Promise<void> {
    const { number, file, history } = picture;
    picture.file = (await this.store.keep(number, { file, edits: history.edits })) ?? file;
  }

  private showChanged(): void {
    this.showEdits();
    void this.fillGallery();
  }

  /** Show the selected picture, and all controls, as it has been chosen. */
  private showEdits(): void {
    const picture = this.selected;
    if (picture === undefined) return;
    const { history } = picture;
    this.showSteps(history.canUndo, history.canRedo);
    this.controls.settings = history.edits.settings;
    this.references.show(history.edits.references);
    this.show("fine", history.edits);
  }

  private showSteps(canUndo: boolean, canRedo: boolean): void {
    const { undoButton, redoButton } = this;
    const focused = document.activeElement;
    [undoButton.disabled, redoButton.disabled] = [!canUndo, !canRedo];
    // A disabled button loses the focus: the other one gets it, for what was done can be undone.
    if (focused === undoButton && !canUndo) redoButton.focus();
    else if (focused === redoButton && !canRedo) undoButton.focus();
  }

  private show(size: ViewSize, edits: Edits): void {
    if (this.selected !== undefined) this.viewer.show(this.selected, edits, size);
  }

  private useForAll(): void {
    const { settings, references } = this.edits;
    for (const picture of this.gallery.pictures) this.edit(picture, { ...picture.history.edits, settings, references });
    this.showChanged();
  }

  // References

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
    this.change({ references: this.edits.references.filter((reference) => reference.number !== number) });
  }

  // The row of pictures

  /** Color the pictures of the row, one after the other, behind what the user asks for. */
  private async fillGallery(): Promise<void> {
    if (this.isFilling) return;
    this.isFilling = true;
    const missing = new Set<ModelName>(); // networks that cannot be fetched now; the pictures of others go on
    const next = (): OpenPicture | undefined =>
      this.gallery.pictures.find(({ state, history }) => state !== "colored" && state !== "failed" && !missing.has(history.edits.settings.model));
    for (let picture = next(); picture !== undefined; picture = next()) {
      const asked = ofPicture(picture);
      try {
        const { after } = await this.client.ask({ kind: "view", ...asked, size: "thumbnail", withBefore: false }, false);
        this.gallery.showColored(picture, after, asked.edits);
      } catch (error) {
        this.fail(picture, error);
        if (failureOf(error) === "noModel") missing.add(asked.edits.settings.model);
      }
    }
    this.isFilling = false;
  }

  private async save(): Promise<void> {
    if (this.selected !== undefined) await this.saver.save(this.selected);
  }

  // Everything else

  private pressKey(event: KeyboardEvent): void {
    if (event.key === "Escape") this.hintEditor.leave();
    if (!(event.ctrlKey || event.metaKey) || this.photographs.hidden) return;
    const key = event.key.toLowerCase();
    if (key === "z") this.step(event.shiftKey ? "redo" : "undo");
    else if (key === "y") this.step("redo");
    else return;
    event.preventDefault();
  }

  private onClick(id: string, action: () => void): void {
    element(id, HTMLButtonElement).addEventListener("click", action);
  }

  /** Say why something failed with a picture; returns that line, or null where the picture has been closed meanwhile. */
  private report(picture: OpenPicture, error: unknown): string | null {
    if (!this.gallery.pictures.includes(picture)) return null;
    const reason = reasonOf(error, picture.file.name);
    this.showProblem(reason);
    if (picture === this.selected) this.showStatus(picture.file.name);
    return reason;
  }

  /** A picture could not be shown. It is forgotten only where it never was a picture here: another browser, or `tinct studio`, may read it yet. */
  private fail(picture: OpenPicture, error: unknown): void {
    const reason = this.report(picture, error);
    if (reason === null) return;
    this.troubled = picture;
    const failure = failureOf(error);
    if (failure === "noModel") return;
    const isUnreadable = UNREADABLE.has(failure);
    if (isUnreadable && picture.state === "new") void this.store.remove(picture.number);
    this.gallery.showFailed(picture, reason);
    if (isUnreadable && picture === this.selected) this.selectReadable();
  }

  /** Go on to a picture that may be readable; where there is none, begin again. */
  private selectReadable(): void {
    const other = this.gallery.pictures.find(({ state }) => state !== "failed");
    this.selected = undefined;
    this.showStart(other === undefined);
    if (other !== undefined) this.select(other);
  }
}

/** Tell whether a file that is open is a picture of the machine. */
function isSame(file: File, { name, size, modified }: NamedPicture): boolean {
  return file.name === name && file.size === size && file.lastModified === modified;
}
