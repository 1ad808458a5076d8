/** The pictures in color that the selected photograph takes colors from. */
import type { ReferencePicture } from "../messages";
import { element } from "./elements";
import { texts } from "./texts";

export class References {
  private readonly list = element("references", HTMLUListElement);
  /** Of the pictures shown. */
  private readonly addresses: string[] = [];

  /** @param onRemove Takes the number of a reference. */
  constructor(private readonly onRemove: (number: number) => void) {}

  show(references: readonly ReferencePicture[]): void {
    const isFocused = this.list.contains(document.activeElement);
    for (const address of this.addresses.splice(0)) URL.revokeObjectURL(address);
    this.list.replaceChildren(...references.map((reference) => this.item(reference)));
    this.list.hidden = references.length === 0;
    if (isFocused) (this.list.querySelector("button") ?? element("reference-files", HTMLInputElement)).focus();
  }

  private item({ number, file }: ReferencePicture): HTMLLIElement {
    const item = document.createElement("li");
    const image = document.createElement("img");
    const button = document.createElement("button");
    image.src = URL.createObjectURL(file);
    this.addresses.push(image.src);
    image.alt = file.name;
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", texts.removeReference(file.name));
    button.addEventListener("click", () => this.onRemove(number));
    item.append(image, button);
    return item;
  }
}
