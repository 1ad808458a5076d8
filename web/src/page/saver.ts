/** Saves pictures at full size, one or all, and their hints. */
import { writeHints } from "../hints/hint-file";
import type { WorkerClient } from "../worker/client";
import { element } from "./elements";
import { failureOf, reasonOf } from "./failures";
import { type OpenPicture, ofPicture } from "./gallery";
import type { Studio } from "./local";
import { described, download, type Losses, nameOf, SAVED_KINDS, type SavedFile, type SavedKind, zip } from "./saving";
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
    await this.once(async () => {
      if (this.savedKind !== undefined) this.actions.onStatus(texts.saving);
      try {
        const { blob, name, losses } = await this.fileOf(picture, this.savedKind);
        download(blob, name);
        this.actions.onStatus(texts.saved(name, losses));
      } catch (error) {
        this.actions.onFailed(picture, error);
      }
    });
  }

  /** Save all pictures as one zip; those that fail are left out. */
  async saveAll(pictures: readonly OpenPicture[]): Promise<void> {
    await this.once(async () => {
      const saved: Losses[] = [];
      const files = this.filesOf(pictures);
      const taken = async function* (): AsyncGenerator<SavedFile> {
        for await (const file of files) {
          yield file;
          saved.push(file.losses);
        }
      };
      try {
        const blob = await zip(taken());
        if (saved.length > 0) download(blob, texts.zipName);
        this.actions.onStatus(texts.savedAll(saved.length, pictures.length, counted(saved)));
      } catch (error) {
        this.actions.onProblem(reasonOf(error, texts.zipName));
      }
    });
  }

  /** Let `tinct studio` write all pictures into its folder; those that fail are left out. */
  async saveIntoFolder(pictures: readonly OpenPicture[]): Promise<void> {
    const studio = this.studio!;
    await this.once(async () => {
      const saved: Losses[] = [];
      for await (const file of this.filesOf(pictures)) {
        try {
          await studio.keep(file.blob, file.name);
          saved.push(file.losses);
        } catch (error) {
          this.actions.onProblem(reasonOf(error, file.name));
          if (failureOf(error) === "noStudio") break;
        }
      }
      this.actions.onStatus(texts.savedFolder(saved.length, pictures.length, counted(saved), studio.folder));
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

  /** Make the files of pictures, one after the other. */
  private async *filesOf(pictures: readonly OpenPicture[]): AsyncGenerator<SavedFile> {
    const kind = this.savedKind;
    for (const [index, picture] of pictures.entries()) {
      this.actions.onStatus(texts.savingAll(index + 1, pictures.length));
      const file = await this.fileOf(picture, kind).catch((error: unknown) => void this.actions.onFailed(picture, error));
      if (file !== undefined) yield file;
    }
  }

  /** @param kind What is saved of the picture; its hints if undefined. */
  private fileOf(picture: OpenPicture, kind: SavedKind | undefined): Promise<SavedFile> {
    return kind === undefined ? this.hintsOf(picture) : this.finished(picture, kind);
  }

  private async hintsOf(picture: OpenPicture): Promise<SavedFile> {
    const text = writeHints(picture.history.edits.hints, await this.viewer.sizeOf(picture));
    return { blob: new Blob([text], { type: "application/json" }), name: nameOf(picture.file.name, "-hints.json"), losses: [] };
  }

  /** Color a picture at full size, by `tinct studio` where that serves the page: it keeps more than browsers do. */
  private async finished(picture: OpenPicture, kind: SavedKind): Promise<SavedFile> {
    const asked = ofPicture(picture);
    const { file, edits: { settings } } = asked;
    const losses: string[] = [];
    if (this.studio !== null && kind.what === "picture") {
      try {
        const chroma = await this.client.ask({ kind: "chroma", ...asked });
        return { name: nameOf(file.name, kind.ending), ...(await this.studio.finish(file, kind.text, settings, chroma)) };
      } catch (error) {
        if (kind.type === null) throw error;
        console.warn(texts.lossOfStudio, error);
        losses.push(texts.lossOfStudio);
      }
    }
    const exported = await this.client.ask({ kind: "export", ...asked, type: kind.type!, what: kind.what });
    const written = await described(file.name, await this.client.fileGiven(asked), exported, settings.model, kind);
    return { ...written, losses: [...losses, ...written.losses] };
  }
}

/** Say of each loss how many files have it. */
function counted(lossesOfFiles: readonly Losses[]): string[] {
  const losses = lossesOfFiles.flat();
  return [...new Set(losses)].map((loss) => texts.lossOfMany(losses.filter((other) => other === loss).length, loss));
}
