/** `tinct studio` serves this page from the machine that it runs on, which does for it what browsers cannot. */
import type { ChromaModel } from "../color/chroma-model";
import { studio } from "../constants.json";
import type { Settings } from "../messages";
import { PictureError } from "../messages";
import type { Reader } from "../worker/client";
import type { Losses } from "./saving";

const TOKEN_KEY = "tinct-token";
const PLANES = ["slopeCb", "offsetCb", "slopeCr", "offsetCr"] as const;

/** A picture of the machine that `tinct studio` was given. */
export interface NamedPicture {
  readonly name: string;
  readonly size: number;
  /** When it was changed, in milliseconds. */
  readonly modified: number;
}

const REFUSALS = [413, 422]; // of what was sent; a studio that was started anew refuses the page, which says nothing of a picture

/** Endings of files that any browser reads. */
const READABLE = /\.(jpe?g|jfif|png|webp|avif|gif|bmp)$/i;

export class Studio implements Reader {
  private constructor(
    private readonly token: string,
    readonly pictures: readonly NamedPicture[],
    /** Name of the folder that pictures are written to. */
    readonly folder: string,
  ) {}

  /**
   * Find out what serves this page: null where it is not `tinct studio`.
   *
   * @throws Error It does not answer any more.
   */
  static async find(): Promise<Studio | null> {
    const token = takeToken();
    if (token === null) return null;
    const { pictures, folder } = (await (await ask("studio", token)).json()) as Pick<Studio, "pictures" | "folder">;
    return new Studio(token, pictures, folder);
  }

  /** Fetch one of the pictures, by its number. */
  async fetch(number: number): Promise<File> {
    const { name, modified } = this.pictures[number]!;
    return new File([await (await ask(`pictures/${number}`, this.token)).blob()], name, { lastModified: modified });
  }

  isFor(file: File): boolean {
    return !READABLE.test(file.name);
  }

  /**
   * Let the machine read a picture that this browser cannot.
   *
   * @throws PictureError
   */
  async read(file: File): Promise<File> {
    const blob = await (await this.post("readable", file.name, file)).blob();
    return new File([blob], file.name, { type: "image/png", lastModified: file.lastModified });
  }

  /**
   * Let the machine write a picture in color: with its own bits and metadata; says what is not in it.
   *
   * @throws PictureError
   */
  async finish(file: File, format: string, settings: Settings, chroma: ChromaModel): Promise<{ blob: Blob; losses: Losses }> {
    const { width: columns, height: rows } = chroma.slopeCb;
    const head = new TextEncoder().encode(JSON.stringify({ format, model: settings.model, settings, rows, columns }));
    const length = new DataView(new ArrayBuffer(4));
    length.setUint32(0, head.length, true);
    const planes = PLANES.map((name) => chroma[name].data as Float32Array<ArrayBuffer>);
    const response = await this.post("finished", file.name, new Blob([length, head, ...planes, file]));
    const losses = JSON.parse(decodeURIComponent(response.headers.get(studio.lossesHeader)!)) as Losses;
    return { blob: await response.blob(), losses };
  }

  /**
   * Write a file into the folder; returns the name that was free for it.
   *
   * @throws PictureError
   */
  async keep(blob: Blob, name: string): Promise<string> {
    return (await (await this.post("kept", name, blob)).json()) as string;
  }

  private post(path: string, name: string, body: Blob): Promise<Response> {
    const headers = { [studio.nameHeader]: encodeURIComponent(name) };
    return ask(path, this.token, { method: "POST", headers, body });
  }
}

/** Return the token that the address holds behind `#`, and forget it there; null in a page of the web. */
function takeToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return sessionStorage.getItem(TOKEN_KEY);
  sessionStorage.setItem(TOKEN_KEY, token); // for a reload
  history.replaceState(null, "", location.pathname);
  return token;
}

async function ask(path: string, token: string, request: { method?: string; headers?: Record<string, string>; body?: Blob } = {}): Promise<Response> {
  const headers = { [studio.tokenHeader]: token, ...request.headers };
  const response = await fetch(path, { ...request, headers }).catch((error: unknown) => {
    throw new PictureError("noStudio", String(error));
  });
  if (response.ok) return response;
  throw new PictureError(REFUSALS.includes(response.status) ? "refused" : "noStudio", (await response.text()).trim());
}
