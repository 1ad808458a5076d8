/** Pictures come in: chosen, dropped or pasted. */
import { element } from "./elements";

type Take = (files: File[]) => void;

/**
 * @param onFiles Takes photographs.
 * @param onReferences Takes pictures in color, which are chosen or dropped at the side.
 */
export function takeFiles(onFiles: Take, onReferences: Take): void {
  const give = (list: FileList | undefined, take: Take): void => {
    if (list !== undefined && list.length > 0) take([...list]);
  };
  for (const [id, take] of [["files", onFiles], ["more-files", onFiles], ["reference-files", onReferences]] as const) {
    const input = element(id, HTMLInputElement);
    input.addEventListener("change", () => {
      give(input.files ?? undefined, take);
      input.value = ""; // the same file may be chosen again
    });
  }
  const side = element("reference", HTMLElement);
  document.addEventListener("paste", (event) => give(event.clipboardData?.files, onFiles));
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
    give(event.dataTransfer?.files, side.contains(event.target as Node) ? onReferences : onFiles);
  });
}
