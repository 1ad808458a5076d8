/** One picture as one network sees it, and the colors that come of it: `tinct.runtime.canvas`. */
import { hints as numbers, models } from "../constants.json";
import { adjust } from "../color/adjust";
import { type ChromaModel, fitChroma } from "../color/chroma-model";
import type { Bytes, Plane } from "../color/plane";
import { enlarge, workingLuma } from "../color/resize";
import { type KnownColor, Surface } from "../hints/known-colors";
import { Propagation } from "../hints/propagation";
import { type Answer, colorLike, referencePlaces, type Said } from "../hints/reference";
import { around, type Places, sample } from "../hints/similarity";
import { suggestColors } from "../hints/suggest";
import type { Edits, Hint, ModelName, Point, ReferencePicture, Suggestion } from "../messages";
import { describe, readOut, see, type Seen } from "./network";
import { referenceOf } from "./references";

const MOST_SUGGESTIONS = 5;

export class Coloring {
  private readonly surface: Surface;
  private readonly columns: number;
  private readonly rows: number;
  private propagation: Promise<Propagation> | undefined;
  /** The last answers: a hint leaves the network's as it is. */
  private answer: { readonly vividness: number; readonly value: Answer } | undefined;
  /** As references are compared with. */
  private coarse: Promise<Places> | undefined;
  /** What references say, by their numbers: settings leave it as it is. */
  private readonly said = new Map<number, Said>();
  private last: { readonly key: string; readonly chroma: ChromaModel } | undefined;

  private constructor(
    luma: Bytes,
    private readonly working: Plane,
    readonly model: ModelName,
    private readonly seen: Seen,
  ) {
    [this.rows, this.columns] = seen.scores.dims.slice(2) as [number, number];
    this.surface = new Surface(luma, this.columns, this.rows);
  }

  /** Let a network look at a picture, which it does once. */
  static async of(luma: Bytes, model: ModelName): Promise<Coloring> {
    const working = workingLuma(luma, models[model]);
    return new Coloring(luma, working, model, await see(working, model));
  }

  /** Return the chroma of the picture, for pictures of any size. */
  async chroma(edits: Edits): Promise<ChromaModel> {
    const key = JSON.stringify([edits.settings, edits.hints, edits.references.map(({ number }) => number)]);
    if (this.last?.key !== key) this.last = { key, chroma: await this.chromaOf(edits) };
    return this.last.chroma;
  }

  /** Return a of all cells, then b, without what hints say, in CIE units. */
  private async automatic({ settings, references }: Edits): Promise<Float32Array> {
    if (this.answer?.vividness !== settings.vividness) {
      this.answer = { vividness: settings.vividness, value: await readOut(this.seen, this.model, settings.vividness) };
    }
    const { ab, confidence } = this.answer.value;
    const adjusted = settings.caution === 0 && settings.saturation === 1 ? ab : adjust(ab, confidence, settings);
    if (references.length === 0) return adjusted;
    const said = [];
    for (const reference of references) said.push(await this.saidBy(reference));
    return colorLike({ ab: adjusted, confidence }, this.columns, said).ab;
  }

  /** Return the luma of a place, 0..1, and its likely colors. */
  suggest(at: Point): { luma: number; likely: Suggestion[] } {
    const { row, column } = this.surface.toMap(at);
    const places = around(this.columns, this.rows, row, column);
    const scores = this.seen.scores.data as Float32Array;
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
    this.propagation ??= describe(this.seen, this.model).then((described) => new Propagation(described, models[this.model]));
    return this.propagation;
  }

  private async saidBy(picture: ReferencePicture): Promise<Said> {
    const known = this.said.get(picture.number);
    if (known !== undefined) return known;
    const reference = await referenceOf(picture, this.model);
    this.coarse ??= describe(this.seen, this.model, true).then((described) => referencePlaces(described, models[this.model]));
    const said = reference.saysOf(await this.coarse);
    this.said.set(picture.number, said);
    return said;
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

/** Bring finished chroma to what was said, where the fit has smoothed it. */
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
