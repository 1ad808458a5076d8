/** Starts the page. */
import { element, fillTexts } from "./elements";
import { offerAllFormats, takeFiles } from "./intake";
import { Studio } from "./local";
import { Page } from "./page";
import { texts } from "./texts";

async function main(): Promise<void> {
  fillTexts();
  if (!("OffscreenCanvas" in window && "WebAssembly" in window)) {
    element("problem", HTMLElement).textContent = texts.noBrowser;
    return;
  }
  const search = Studio.find().catch((error: unknown) => {
    console.warn(error);
    return undefined;
  });
  const opening = search.then((studio) => new Page(studio ?? null));
  // What comes in while the studio has not answered waits; nothing that somebody chose is lost.
  takeFiles({
    onPhotographs: (files) => void opening.then((page) => page.open(files)),
    onReferences: (files) => void opening.then((page) => page.addReferences(files)),
    onHints: ([file]) => void opening.then((page) => page.openHints(file!)),
  });
  const [studio, page] = await Promise.all([search, opening]);
  if (studio instanceof Studio) offerAllFormats();
  if (studio === undefined) page.showProblem(texts.noStudioAtAll);
  await page.reopen();
  // tinct studio has no service worker: that would go on showing this page when a newer tinct is installed.
  if (studio === null && "serviceWorker" in navigator) await navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
}

void main();
