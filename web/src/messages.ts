/** What the page and its worker say to each other. */
export type ModelName = "nano" | "base";

/** How large a picture is shown: for the row of pictures, while a slider moves, at rest. */
export type ViewSize = "thumbnail" | "draft" | "fine";

export interface Settings {
  readonly model: ModelName;
  /** 0 the most faithful colors, 1 the most vivid. */
  readonly vividness: number;
}

interface ForPicture {
  /** Number of the picture; the worker keeps what it has read of the last ones. */
  readonly picture: number;
  readonly file: Blob;
  readonly settings: Settings;
}

/** Show a picture in color. */
export interface ViewRequest extends ForPicture {
  readonly kind: "view";
  readonly size: ViewSize;
  /** Whether the picture as it was is wanted as well. */
  readonly withBefore: boolean;
}

/** Color a picture at full size and encode it. */
export interface EncodeRequest extends ForPicture {
  readonly kind: "encode";
  readonly type: "image/jpeg" | "image/png";
}

/** Load a network before the first picture comes. */
export interface PrepareRequest {
  readonly kind: "prepare";
  readonly model: ModelName;
}

export type Request = ViewRequest | EncodeRequest | PrepareRequest;

export interface View {
  /** Size of the picture itself. */
  readonly width: number;
  readonly height: number;
  readonly before: ImageBitmap | null;
  readonly after: ImageBitmap;
}

export interface Encoded {
  readonly blob: Blob;
  readonly width: number;
  readonly height: number;
}

/** What a request brings: null where it only prepares. */
export type Result = View | Encoded | null;

/** Why a request failed, as a text of texts.ts. */
export type Failure = "unreadable" | "tooLarge" | "noModel" | "failed";

export type Reply =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly failure: Failure; readonly detail: string };

export class PictureError extends Error {
  constructor(
    readonly failure: Failure,
    detail = "",
  ) {
    super(detail);
  }
}
