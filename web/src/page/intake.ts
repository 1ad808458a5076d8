/** Pictures come in: chosen, dropped or pasted. */
import { element } from "./elements";

export function takeFiles(onFiles: (files: File[]) => void): void {
  const give = (list: FileList | undefined): void => {
    if (list !== undefined && list.length > 0) onFiles([...list]);
  };
  for (const id of ["files", "more-files"]) {
    const input = element(id, HTMLInputElement);
    input.addEventListener("change", () => {
      give(input.files ?? undefined);
      input.value = ""; // the same file may be chosen again
    });
  }
  document.addEventListener("paste", (event) => give(event.clipboardData?.files));
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
    give(event.dataTransfer?.files);
  });
}
