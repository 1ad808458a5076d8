/** The page's side of the worker: requests wait in a queue, the urgent ones first. */
import type { ForPicture, ModelName, Reply, Request, Result, ResultOf } from "../messages";
import { PictureError } from "../messages";
import { Recent } from "../recent";

interface Waiting {
  readonly request: Request;
  readonly urgent: boolean;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: PictureError) => void;
}

/** Reads what browsers do not. */
export interface Reader {
  /** Whether a file is one that browsers do not read. */
  readonly isFor: (file: File) => boolean;
  /** @throws PictureError */
  readonly read: (file: File) => Promise<File>;
}

/** Names of TIFFs. */
export const TIFF = /\.tiff?$/i;

export class WorkerClient {
  /** Another one may read more than the worker itself, which reads TIFF. */
  reader: Reader = { isFor: (file) => TIFF.test(file.name), read: (file) => this.send({ kind: "tiff", file }, true) };
  /** What was read of pictures that browsers do not read; of fewer than these the worker keeps what it has made of it. */
  private readonly read = new Recent<number, File>(3);
  private worker: Worker | undefined;
  private readonly queue: Waiting[] = [];
  private current: Waiting | undefined;

  /**
   * Let the worker do something.
   *
   * @param urgent Whether it goes before what is not.
   * @throws PictureError
   */
  async ask<Asked extends Request>(request: Asked, urgent = true): Promise<ResultOf<Asked>> {
    if (!("picture" in request)) return this.send(request, urgent);
    const { picture, file } = request;
    const elsewhere = async (): Promise<ResultOf<Asked>> => {
      return this.send({ ...request, file: await this.read.get(picture, () => this.reader.read(file)) }, urgent);
    };
    if (this.read.has(picture) || this.reader.isFor(file)) return elsewhere();
    return this.send(request, urgent).catch((error: unknown) => {
      if (error instanceof PictureError && error.failure === "unreadable") return elsewhere();
      throw error;
    });
  }

  /** Return what the worker is given of a picture: its file, or what was read of it elsewhere. */
  async fileGiven({ picture, file }: ForPicture): Promise<File> {
    return this.read.has(picture) ? this.read.get(picture, () => this.reader.read(file)) : file;
  }

  private send<Asked extends Request>(request: Asked, urgent: boolean): Promise<ResultOf<Asked>> {
    return new Promise((resolve, reject) => {
      this.queue.push({ request, urgent, resolve: resolve as (result: Result) => void, reject });
      this.next();
    });
  }

  /** Load a network before the first picture comes; where that fails, the first picture fails as well. */
  prepare(model: ModelName): void {
    this.ask({ kind: "prepare", model }, false).catch(() => undefined);
  }

  private next(): void {
    if (this.current !== undefined || this.queue.length === 0) return;
    const first = this.queue.findIndex((waiting) => waiting.urgent);
    [this.current] = this.queue.splice(Math.max(first, 0), 1);
    const { request } = this.current!;
    this.worker ??= this.start();
    this.worker.postMessage(request, request.kind === "frame" ? [request.frame] : []);
  }

  private start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (event: MessageEvent<Reply>) => this.receive(event.data);
    worker.onerror = (event) => {
      // It ran out of memory, or could not be loaded: the next request starts a new one.
      worker.terminate();
      this.worker = undefined;
      this.receive({ ok: false, failure: "failed", detail: event.message ?? "" });
    };
    return worker;
  }

  private receive(reply: Reply): void {
    const done = this.current;
    this.current = undefined;
    if (reply.ok) done?.resolve(reply.result);
    else done?.reject(new PictureError(reply.failure, reply.detail));
    this.next();
  }
}
