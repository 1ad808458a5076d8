/** One picture as one network knows it, and its colors: `tinct.runtime.canvas`. */
import { hints as numbers, models } from "../constants.json";
import { adjust } from "../color/adjust";
import { type ChromaModel, fitChroma } from "../color/chroma-model";
import type { Bytes, Plane } from "../color/plane";
import { enlarge, workingLuma } from "../color/resize";
import { type KnownColor, Surface } from "../hints/known-colors";
import { Propagation } from "../hints/propagation";
import { colorLike, type Match, type Prediction, referencePlaces } from "../hints/reference";
import { around, type Places, sample } from "../hints/similarity";
import { suggestColors } from "../hints/suggest";
import type { Edits, Hint, ModelName, Point, ReferencePicture, Suggestion } from "../messages";
import { describe, encode, type Encoded, readOut } from "./network";
import { referenceOf } from "./references";

const MOST_SUGGESTIONS = 5;

export class Coloring {
  private readonly surface: Surface;
  private readonly columns: number;
  private readonly rows: number;
  private propagation: Promise<Propagation> | undefined;
  /** The last prediction: a hint leaves it as it is. */
  private prediction: { readonly vividness: number; readonly value: Prediction } | undefined;
  /** Its places as references are compared with them. */
  private coarsePlaces: Promise<Places> | undefined;
  /** By the numbers of references: settings leave them as they are. */
  private readonly matches = new Map<number, Match>();
  private last: { readonly key: string; readonly chroma: ChromaModel } | undefined;

  private constructor(
    luma: Bytes,
    private readonly working: Plane,
    readonly model: ModelName,
    private readonly encoded: Encoded,
  ) {
    [this.rows, this.columns] = encoded.scores.dims.slice(2) as [number, number];
    this.surface = new Surface(luma, this.columns, this.rows);
  }

  /** Run a network on a picture, which is done once. */
  static async of(luma: Bytes, model: ModelName): Promise<Coloring> {
    const working = workingLuma(luma, models[model]);
    return new Coloring(luma, working, model, await encode(working, model));
  }

  /** Return the chroma of the picture, for pictures of any size. */
  async chroma(edits: Edits): Promise<ChromaModel> {
    const key = JSON.stringify([edits.settings, edits.hints, edits.references.map(({ number }) => number)]);
    if (this.last?.key !== key) this.last = { key, chroma: await this.chromaOf(edits) };
    return this.last.chroma;
  }

  /** Return a of all cells, then b, as they are without hints, in CIE units. */
  private async automatic({ settings, references }: Edits): Promise<Float32Array> {
    if (this.prediction?.vividness !== settings.vividness) {
      const value = await readOut(this.encoded, this.model, settings.vividness);
      this.prediction = { vividness: settings.vividness, value };
    }
    const { ab, confidence } = this.prediction.value;
    const adjusted = settings.caution === 0 && settings.saturation === 1 ? ab : adjust(ab, confidence, settings);
    if (references.length === 0) return adjusted;
    const matches = [];
    for (const reference of references) matches.push(await this.matchOf(reference));
    return colorLike({ ab: adjusted, confidence }, this.columns, matches).ab;
  }

  /** Return the luma of a place, 0..1, and its likely colors. */
  suggest(at: Point): { luma: number; likely: Suggestion[] } {
    const { row, column } = this.surface.toMap(at);
    const places = around(this.columns, this.rows, row, column);
    const scores = this.encoded.scores.data as Float32Array;
    const count = this.columns * this.rows;
    const { bins } = models[this.model];
    const ofPlace = bins.map((_, bin) => sample((place) => scores[bin * count + place]!, places));
    const luma = this.surface.meanLuma(at);
    return { luma, likely: suggestColors(ofPlace, bins, luma, MOST_SUGGESTIONS) };
  }

  /** Return the point where one more hint helps most. */
  async where(hints: readonly Hint[]): Promise<Point> {
    const propagation = await this.propagate();
    return this.surface.toPicture(propagation.bestPlace(this.surface.knownColors(hints)));
  }

  private propagate(): Promise<Propagation> {
    this.propagation ??= describe(this.encoded, this.model).then((description) => new Propagation(description, models[this.model]));
    return this.propagation;
  }

  private async matchOf(picture: ReferencePicture): Promise<Match> {
    const known = this.matches.get(picture.number);
    if (known !== undefined) return known;
    const reference = await referenceOf(picture, this.model);
    this.coarsePlaces ??= describe(this.encoded, this.model, true).then((description) => referencePlaces(description, models[this.model]));
    const match = reference.match(await this.coarsePlaces);
    this.matches.set(picture.number, match);
    return match;
  }

  private async chromaOf(edits: Edits): Promise<ChromaModel> {
    const automatic = await this.automatic(edits);
    const { stride } = models[this.model];
    const known = this.surface.knownColors(edits.hints);
    if (known.length === 0) return fitChroma(this.working, automatic, stride);
    const propagation = await this.propagate();
    const ab = propagation.colors(automatic, known, known.map(({ a }) => a), known.map(({ b }) => b));
    return corrected(fitChroma(this.working, ab, stride), known, propagation);
  }
}

/** Bring finished chroma to the colors of hints, where the fit has smoothed them. */
function corrected(model: ChromaModel, known: readonly KnownColor[], propagation: Propagation): ChromaModel {
  const { width, height } = model.slopeCb;
  const [down, along] = [height / propagation.height, width / propagation.width];
  const places = known.map(({ row, column }) => around(width, height, (row + 0.5) * down - 0.5, (column + 0.5) * along - 0.5));
  const spread = propagation.corrector(known);

  function correct(slope: Plane, offset: Plane, wanted: (color: KnownColor) => number): Plane {
    const missing = known.map((color, i) => {
      const at = places[i]!;
      return wanted(color) - sample((place) => slope.data[place]!, at) * color.luma - sample((place) => offset.data[place]!, at);
    });
    const change = enlarge({ width: propagation.width, height: propagation.height, data: spread(missing) }, width, height);
    return { width, height, data: offset.data.map((value, i) => value + change.data[i]!) };
  }

  let { offsetCb, offsetCr } = model;
  for (let round = 0; round < numbers.corrections; round++) {
    offsetCb = correct(model.slopeCb, offsetCb, ({ cb }) => cb);
    offsetCr = correct(model.slopeCr, offsetCr, ({ cr }) => cr);
  }
  return { ...model, offsetCb, offsetCr };
}
