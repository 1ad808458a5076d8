/** What the page and its worker send each other. */
import type { ChromaModel } from "./color/chroma-model";
import type { models } from "./constants.json";

export type ModelName = keyof typeof models;

/** Beyond this a browser's canvas, which encodes the result, is not to be had everywhere. */
export const MOST_PIXELS = 100e6;
/** Of a side: no browser has a longer canvas, nor is there a longer JPEG. */
export const LONGEST_SIDE = 65535;
export const LONGEST_WEBP = 16383;

/** How large a picture is shown: for the row of pictures, while something is dragged, at rest. */
export type ViewSize = "thumbnail" | "draft" | "fine";

export type SavedType = "image/jpeg" | "image/png" | "image/webp";

/** x and y in pixels of an upright picture, from its upper left corner; or width and height. */
export type Point = readonly [number, number];

export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Settings {
  readonly model: ModelName;
  /** 0 the most faithful colors, 1 the most vivid. */
  readonly vividness: number;
  /** 0 shows every color; towards 1 those that the network is unsure of fade to gray. */
  readonly caution: number;
  /** Chroma is multiplied by this. */
  readonly saturation: number;
}

/** The color that somebody gives a spot, or a stroke where there are several points. */
export interface Hint {
  readonly points: readonly Point[];
  /** `#rrggbb` or `lab(l, a, b)`; the lightness does not matter. */
  readonly color: string;
  /** In pixels of the picture. */
  readonly radius: number;
}

/** A picture in color, of which things take the colors of what is like them in it. */
export interface ReferencePicture {
  /** No other picture has it. */
  readonly number: number;
  readonly file: File;
}

/** All that somebody chooses for one picture. */
export interface Edits {
  readonly settings: Settings;
  readonly references: readonly ReferencePicture[];
  /** In the order in which they were given: the later counts. */
  readonly hints: readonly Hint[];
}

export interface ForPicture {
  /** Number of the picture; the worker keeps what it has read of the last ones. */
  readonly picture: number;
  readonly file: File;
  readonly edits: Edits;
}

/** Show a picture in color. */
export interface ViewRequest extends ForPicture {
  readonly kind: "view";
  readonly size: ViewSize;
  /** Whether the picture as it was is wanted as well. */
  readonly withBefore: boolean;
}

export interface View {
  /** Size of the picture itself. */
  readonly width: number;
  readonly height: number;
  readonly before: ImageBitmap | null;
  readonly after: ImageBitmap;
}

/** Show part of a picture, pixel by pixel. */
export interface DetailRequest extends ForPicture {
  readonly kind: "detail";
  readonly area: Area;
}

export interface Detail {
  readonly before: ImageBitmap;
  readonly after: ImageBitmap;
}

/** Color a picture at full size and encode it. */
export interface ExportRequest extends ForPicture {
  readonly kind: "export";
  readonly type: SavedType;
  /** The picture; its colors alone, over middle gray; or a sheet, the picture before and after. */
  readonly what: "picture" | "layer" | "sheet";
}

export interface Exported {
  readonly blob: Blob;
  readonly width: number;
  readonly height: number;
  /** Whether what is transparent was composed over white. */
  readonly isFlattened: boolean;
}

/** Return how chroma depends on luma in a picture, for who composes it elsewhere. */
export interface ChromaRequest extends ForPicture {
  readonly kind: "chroma";
}

/** Name likely colors of a place, and all that it can have. */
export interface SuggestRequest extends ForPicture {
  readonly kind: "suggest";
  readonly at: Point;
}

export interface Suggestion {
  /** `#rrggbb`, at the lightness of the place. */
  readonly color: string;
  /** 0..1. */
  readonly probability: number;
}

export interface Suggestions {
  /** Of the place, 0..1. */
  readonly luma: number;
  readonly likely: readonly Suggestion[];
  /** Every color that sRGB has at this luma: hue around, from gray in the middle to the strongest. */
  readonly wheel: ImageBitmap;
}

/** Find the place where one more hint helps most. */
export interface WhereRequest extends ForPicture {
  readonly kind: "where";
}

/** Read a TIFF, so that browsers can. */
export interface TiffRequest {
  readonly kind: "tiff";
  readonly file: File;
}

/** Read a picture in color, which fails where it is none. */
export interface ReferenceRequest {
  readonly kind: "reference";
  readonly reference: ReferencePicture;
  readonly model: ModelName;
}

/** Color a frame of a camera. */
export interface FrameRequest {
  readonly kind: "frame";
  readonly frame: ImageBitmap;
  readonly settings: Settings;
}

export interface Frame {
  readonly gray: ImageBitmap;
  readonly after: ImageBitmap;
  /** Mean distance of a and b from those of the camera, in CIE units. */
  readonly distance: number;
}

/** Load a network before the first picture comes. */
export interface PrepareRequest {
  readonly kind: "prepare";
  readonly model: ModelName;
}

export type Request =
  | ViewRequest
  | DetailRequest
  | ExportRequest
  | ChromaRequest
  | SuggestRequest
  | WhereRequest
  | TiffRequest
  | ReferenceRequest
  | FrameRequest
  | PrepareRequest;

interface Results {
  view: View;
  detail: Detail;
  export: Exported;
  chroma: ChromaModel;
  suggest: Suggestions;
  where: Point;
  tiff: File;
  reference: null;
  frame: Frame;
  prepare: null;
}

/** What a request brings. */
export type ResultOf<Asked extends Request> = Results[Asked["kind"]];
export type Result = Results[keyof Results];

/** Why a request failed, as a text of texts.ts. */
export type Failure =
  | "unreadable"
  | "unreadableHeic"
  | "tooLarge"
  /** For the format that it was to be saved in: WebP. */
  | "tooLong"
  | "grayReference"
  | "noModel"
  | "noStudio"
  /** By the machine, whose own words the detail is. */
  | "refused"
  | "failed";

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
