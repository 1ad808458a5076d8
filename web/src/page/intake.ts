/** Files come in: chosen, dropped or pasted. */
import { suffixes } from "../constants.json";
import { element } from "./elements";

type Take = (files: File[]) => void;

export interface IntakeActions {
  readonly onPhotographs: Take;
  /** Pictures in color, which are chosen or dropped at the side. */
  readonly onReferences: Take;
  /** A file of hints. */
  readonly onHints: Take;
}

/** Take files, also those that were chosen before this runs. */
export function takeFiles({ onPhotographs, onReferences, onHints }: IntakeActions): void {
  const give = (list: FileList | null | undefined, take: Take): void => {
    if (list && list.length > 0) take([...list]);
  };
  const inputs = { "files": onPhotographs, "more-files": onPhotographs, "reference-files": onReferences, "hint-file": onHints };
  for (const [id, take] of Object.entries(inputs)) {
    const input = element(id, HTMLInputElement);
    const takeChosen = (): void => {
      give(input.files, take);
      input.value = ""; // the same file may be chosen again
    };
    input.addEventListener("change", takeChosen);
    takeChosen();
  }
  const side = element("reference", HTMLElement);
  document.addEventListener("paste", (event) => give(event.clipboardData?.files, onPhotographs));
  document.addEventListener("dragover", (event) => {
    event.preventDefault(); // else the browser leaves the page for the file
    document.body.classList.toggle("dragging", event.dataTransfer?.types.includes("Files") ?? false);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    give(event.dataTransfer?.files, side.contains(event.target as Node) ? onReferences : onPhotographs);
  });
}

/** Let dialogs offer everything that Python reads, not only what browsers know to be pictures. */
export function offerAllFormats(): void {
  for (const id of ["files", "more-files", "reference-files"]) element(id, HTMLInputElement).accept = ["image/*", ...suffixes].join();
}
