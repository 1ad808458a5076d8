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
  document.title = texts.title;
  const fill = (kind: "text" | "title" | "label", put: (place: HTMLElement, text: string) => void): void => {
    for (const place of document.querySelectorAll<HTMLElement>(`[data-${kind}]`)) put(place, textNamed(place.dataset[kind]!));
  };
  fill("text", (place, text) => (place.textContent = text));
  fill("title", (place, text) => (place.title = text));
  fill("label", (place, text) => place.setAttribute("aria-label", text));
}

function textNamed(name: string): string {
  const text = (texts as Readonly<Record<string, unknown>>)[name];
  if (typeof text !== "string") throw new Error(`texts.ts has no text ${name}`);
  return text;
}

/** Show a picture in a canvas, which takes its size. */
export function draw(canvas: HTMLCanvasElement, bitmap: ImageBitmap): void {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(bitmap);
}
