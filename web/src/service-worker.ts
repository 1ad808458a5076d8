/** Keeps the page and its networks, so that it works without a connection after the first visit. */
declare const self: ServiceWorkerGlobalScope;
declare const __FILES__: readonly string[]; // both are put in when the page is built
declare const __VERSION__: string;

const CACHE = `tinct-page-${__VERSION__}`;

// A new version waits until no page of the old one is open: those go on with the files that belong together.
self.addEventListener("install", (event) => {
  const requests = __FILES__.map((name) => new Request(name, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

// The page of the first visit came before its service worker.
self.addEventListener("activate", (event) => {
  event.waitUntil(removeOld().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const isOurs = new URL(event.request.url).origin === self.location.origin;
  if (isOurs && event.request.method === "GET") event.respondWith(respond(event.request));
});

async function removeOld(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("tinct-page-") && name !== CACHE).map((name) => caches.delete(name)));
}

async function respond(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const path = fileOf(request);
  const kept = await cache.match(path);
  if (kept !== undefined) return isolated(kept);
  const response = await fetch(request);
  const isNetwork = path.startsWith(new URL("models/", self.location.href).pathname); // one that is fetched when it is chosen
  if (response.ok && isNetwork) await cache.put(path, response.clone()).catch(() => undefined); // the disk may be full
  return isolated(response);
}

/** Return the path of what is asked for; a folder is its index.html, whatever the server makes of either. */
function fileOf({ url }: Request): string {
  return new URL(url).pathname.replace(/\/$/, "/index.html");
}

/** Isolate the page, which lets the networks use several threads, where the server does not do it. */
function isolated(response: Response): Response {
  if (response.status === 0) return response; // a redirect, which the browser follows
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

export {};
