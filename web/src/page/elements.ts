/** The elements of index.html, and their texts. */
import { texts } from "./texts";

/** Return an element that index.html has. */
export function element<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} #${id}`);
  return found;
}

/** Put the texts where index.html asks for them. */
export function fillTexts(): void {
  const named = texts as unknown as Readonly<Record<string, string>>;
  document.title = texts.title;
  for (const place of document.querySelectorAll<HTMLElement>("[data-text]")) place.textContent = named[place.dataset["text"]!]!;
  for (const place of document.querySelectorAll<HTMLElement>("[data-title]")) place.title = named[place.dataset["title"]!]!;
  for (const place of document.querySelectorAll<HTMLElement>("[data-label]")) {
    place.setAttribute("aria-label", named[place.dataset["label"]!]!);
  }
}

/** Show a picture in a canvas, which takes its size. */
export function draw(canvas: HTMLCanvasElement, bitmap: ImageBitmap): void {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(bitmap);
}
