/** Starts the page. */
import { element, fillTexts } from "./elements";
import { takeFiles } from "./intake";
import { Studio } from "./local";
import { Page } from "./page";
import { texts } from "./texts";

async function main(): Promise<void> {
  fillTexts();
  if (!("OffscreenCanvas" in window && "WebAssembly" in window)) {
    element("problem", HTMLElement).textContent = texts.noBrowser;
    return;
  }
  const studio = await Studio.find().catch((error: unknown) => {
    console.warn(error);
    return undefined;
  });
  const page = new Page(studio ?? null);
  takeFiles({
    onPhotographs: (files) => page.open(files),
    onReferences: (files) => void page.addReferences(files),
    onHints: ([file]) => void page.openHints(file!),
  }, studio instanceof Studio);
  if (studio === undefined) page.showProblem(texts.noStudioAtAll);
  await page.reopen();
  // tinct studio has no service worker: that would go on showing this page when a newer tinct is installed.
  if (studio === null && "serviceWorker" in navigator) await navigator.serviceWorker.register("service-worker.js").catch(() => undefined);
}

void main();
