/** Saves pictures at full size, one or all, and their hints. */
import { writeHints } from "../hints/hint-file";
import type { WorkerClient } from "../worker/client";
import { element } from "./elements";
import { reasonOf } from "./failures";
import { type OpenPicture, ofPicture } from "./gallery";
import type { Studio } from "./local";
import { described, download, nameOf, SAVED_KINDS, type SavedFile, type SavedKind, zip } from "./saving";
import { texts } from "./texts";
import type { Viewer } from "./viewer";

export interface SaverActions {
  readonly onStatus: (text: string) => void;
  readonly onProblem: (text: string) => void;
  readonly onFailed: (picture: OpenPicture, error: unknown) => void;
}

export class Saver {
  private readonly saveAs = element("save-as", HTMLSelectElement);
  private readonly saveAllButton = element("save-all", HTMLButtonElement);
  private readonly folderButton = element("save-folder", HTMLButtonElement);
  private readonly buttons = [element("save", HTMLButtonElement), this.saveAllButton, this.folderButton];
  private isSaving = false;

  constructor(
    private readonly client: WorkerClient,
    private readonly viewer: Viewer,
    /** What serves this page, where it is `tinct studio`. */
    private readonly studio: Studio | null,
    private readonly actions: SaverActions,
  ) {
    for (const kind of SAVED_KINDS) {
      if (kind.type !== null || studio !== null) this.saveAs.add(new Option(texts.savedKinds[kind.text], kind.text));
    }
    this.saveAs.add(new Option(texts.savedKinds.hints, "hints"));
    if (studio !== null) this.folderButton.textContent = texts.saveFolder(studio.folder);
  }

  /** Offer to save all pictures, or one alone. */
  offerAll(areMany: boolean): void {
    this.saveAllButton.hidden = !areMany;
    this.folderButton.hidden = !areMany || this.studio === null;
  }

  async save(picture: OpenPicture): Promise<void> {
    const kind = this.savedKind;
    await this.once(async () => {
      try {
        if (kind === undefined) await this.saveHints(picture);
        else await this.savePicture(picture, kind);
      } catch (error) {
        this.actions.onFailed(picture, error);
      }
    });
  }

  /** Save all pictures as one zip; those that fail are left out. */
  async saveAll(pictures: readonly OpenPicture[]): Promise<void> {
    await this.once(async () => {
      let count = 0;
      const finished = this.finishedFiles(pictures);
      const counted = async function* (): AsyncGenerator<SavedFile> {
        for await (const file of finished) {
          yield file;
          count++;
        }
      };
      try {
        const blob = await zip(counted());
        if (count > 0) download(blob, texts.zipName);
        this.actions.onStatus(texts.savedAll(count));
      } catch (error) {
        this.actions.onProblem(reasonOf(error, texts.zipName));
      }
    });
  }

  /** Let `tinct studio` write all pictures into its folder; those that fail are left out. */
  async saveIntoFolder(pictures: readonly OpenPicture[]): Promise<void> {
    const studio = this.studio!;
    await this.once(async () => {
      let count = 0;
      try {
        for await (const { blob, name } of this.finishedFiles(pictures)) {
          await studio.keep(blob, name);
          count++;
        }
      } catch (error) {
        this.actions.onProblem(reasonOf(error, studio.folder));
      }
      this.actions.onStatus(texts.savedFolder(count, studio.folder));
    });
  }

  /** Do something unless pictures are being saved. The buttons stay where the keyboard is, which disabled ones would not. */
  private async once(work: () => Promise<void>): Promise<void> {
    if (this.isSaving) return;
    this.isSaving = true;
    for (const button of this.buttons) button.setAttribute("aria-disabled", "true");
    await work();
    for (const button of this.buttons) button.removeAttribute("aria-disabled");
    this.isSaving = false;
  }

  private get savedKind(): SavedKind | undefined {
    return SAVED_KINDS.find((kind) => kind.text === this.saveAs.value);
  }

  private async saveHints(picture: OpenPicture): Promise<void> {
    const name = nameOf(picture.file.name, "-hints.json");
    const text = writeHints(picture.history.edits.hints, await this.viewer.sizeOf(picture));
    download(new Blob([text], { type: "application/json" }), name);
    this.actions.onStatus(texts.saved(name));
  }

  private async savePicture(picture: OpenPicture, kind: SavedKind): Promise<void> {
    this.actions.onStatus(texts.saving);
    const { blob, name, isComplete } = await this.finished(picture, kind);
    download(blob, name);
    this.actions.onStatus((isComplete ? texts.saved : texts.savedWithout)(name));
  }

  private async *finishedFiles(pictures: readonly OpenPicture[]): AsyncGenerator<SavedFile> {
    const kind = this.savedKind ?? SAVED_KINDS[0]!;
    for (const [index, picture] of pictures.entries()) {
      this.actions.onStatus(texts.savingAll(index + 1, pictures.length));
      const finished = await this.finished(picture, kind).catch((error: unknown) => void this.actions.onFailed(picture, error));
      if (finished !== undefined) yield finished;
    }
  }

  /** Color a picture at full size, by `tinct studio` where that serves the page: it keeps more than browsers do. */
  private async finished(picture: OpenPicture, kind: SavedKind): Promise<SavedFile> {
    const asked = ofPicture(picture);
    const { file, edits: { settings } } = asked;
    if (this.studio !== null && kind.what === "picture") {
      try {
        const chroma = await this.client.ask({ kind: "chroma", ...asked });
        const blob = await this.studio.finish(file, kind.text, settings, chroma);
        return { blob, name: nameOf(file.name, kind.ending), isComplete: true };
      } catch (error) {
        if (kind.type === null) throw error;
        console.warn("written by the browser", error);
      }
    }
    const exported = await this.client.ask({ kind: "export", ...asked, type: kind.type!, what: kind.what });
    return described(file.name, await this.client.fileGiven(asked), exported, settings.model, kind);
  }
}
