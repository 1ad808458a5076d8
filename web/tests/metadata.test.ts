import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ascii, concatenate } from "../src/metadata/bytes";
import { exifOfDensity, upright } from "../src/metadata/exif";
import { readJpeg, writeJpeg } from "../src/metadata/jpeg";
import { readPng, writePng } from "../src/metadata/png";
import { lasting } from "../src/metadata/photoshop";
import { readWebp, writeWebp } from "../src/metadata/webp";

// A JPEG of its frame alone: JFIF, 1:1, and a scan.
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0xff, 0xda, 0, 2, 7, 7);
const PNG = concatenate(
  Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13), ascii("IHDR"), new Uint8Array(17),
  Uint8Array.of(0, 0, 0, 0), ascii("IEND"), Uint8Array.of(0xae, 0x42, 0x60, 0x82),
);
/** Orientation 6, a link to a thumbnail at 26. */
const EXIF = Uint8Array.of(0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 26, 0, 0);
/** IPTC, an odd number of bytes, and a thumbnail. */
const IPTC = concatenate(ascii("8BIM"), Uint8Array.of(4, 4, 0, 0, 0, 0, 0, 3, 0x1c, 2, 0, 0));
const THUMBNAIL = concatenate(ascii("8BIM"), Uint8Array.of(4, 12, 0, 0, 0, 0, 0, 2, 7, 7));
const METADATA = { exif: EXIF, xmp: ascii("<x/>"), density: [300 / 0.0254, 300 / 0.0254] as const };

describe("metadata", () => {
  test("what is written into a JPEG is read from it, and the scan stays", () => {
    const comments = [{ keyword: "Comment", text: Uint8Array.of(0x68, 0xe9) }]; // no UTF-8
    const photoshop = concatenate(IPTC, ascii("8BIM"), Uint8Array.of(3, 0xed, 0, 0, 0, 1, 0x11, 0x70), new Uint8Array(70_000)); // more than one segment
    const written = writeJpeg(JPEG, { ...METADATA, photoshop, comments });
    const read = readJpeg(written)!;
    expect(read.exif).toEqual(EXIF);
    expect(read.xmp).toEqual(METADATA.xmp);
    expect(read.comments).toEqual(comments);
    expect(read.photoshop).toEqual(photoshop);
    expect(read.density![0]).toBeCloseTo(300 / 0.0254, 6);
    expect(written.slice(-6)).toEqual(JPEG.slice(-6));
  });
  test("what a segment cannot hold is left out of a JPEG, not written broken", () => {
    const written = writeJpeg(JPEG, { exif: new Uint8Array(70_000), xmp: METADATA.xmp });
    expect(readJpeg(written)).toEqual({ xmp: METADATA.xmp });
  });
  test("a keyword stands before the text in a JPEG, which has no other place for it", () => {
    const written = writeJpeg(JPEG, { comments: [{ keyword: "Author", text: ascii("me") }] });
    expect(readJpeg(written)!.comments).toEqual([{ keyword: "Comment", text: ascii("Author: me") }]);
  });
  test("XMP outside the packet of a JPEG is named as lost", () => {
    const extended = concatenate(Uint8Array.of(0xff, 0xe1, 0, 39), ascii("http://ns.adobe.com/xmp/extension/\0"), Uint8Array.of(1, 2));
    expect(readJpeg(concatenate(JPEG.slice(0, 20), extended, JPEG.slice(20)))!.lost).toHaveLength(1);
  });
  test("of Photoshop's resources the thumbnails are left out", () => {
    expect(lasting(concatenate(THUMBNAIL, IPTC))).toEqual(IPTC);
    expect(lasting(concatenate(IPTC.slice(0, -1)))).toEqual(IPTC); // the padding is missing
    expect(lasting(THUMBNAIL)).toBeUndefined();
    expect(lasting(ascii("8BIMno"))).toBeUndefined();
  });
  test("a resolution stands in EXIF alone in a WebP", () => {
    const picture = concatenate(ascii("RIFF\0\0\0\0WEBPVP8 "), Uint8Array.of(2, 0, 0, 0, 7, 7));
    const exif = readWebp(writeWebp(picture, { density: METADATA.density }, [4, 5]))!.exif!;
    expect(exif).toEqual(exifOfDensity(METADATA.density));
    expect(Array.from(exif.slice(-16))).toEqual([0, 0, 0x2e, 0x23, 0, 0, 0, 100, 0, 0, 0x2e, 0x23, 0, 0, 0, 100]); // 118.11 a centimeter
  });
  test("texts of a PNG are read and written, packed ones as well", async () => {
    const comments = [
      { keyword: "Title", text: new TextEncoder().encode("Café") },
      { keyword: "Place", text: new TextEncoder().encode("東京") },
    ];
    const read = (await readPng(writePng(PNG, { comments, photoshop: IPTC })))!;
    expect(read.comments).toEqual(comments);
    expect(read.photoshop).toEqual(IPTC);
    const packed = deflateSync(ascii("hi"));
    const texts = [concatenate(ascii("One\0\0"), packed), concatenate(ascii("Two\0\x01\0en\0Zwei\0"), packed)];
    const file = concatenate(PNG, ...["zTXt", "iTXt"].map((type, index) => concatenate(Uint8Array.of(0, 0, 0, texts[index]!.length), ascii(type), texts[index]!, new Uint8Array(4))));
    expect((await readPng(file))!.comments).toEqual(["One", "Two"].map((keyword) => ({ keyword, text: ascii("hi") })));
  });
  test("what is written into a PNG is read from it, with right checksums", async () => {
    const read = (await readPng(writePng(PNG, METADATA)))!;
    expect(read.exif).toEqual(EXIF);
    expect(read.xmp).toEqual(METADATA.xmp);
    expect(read.density).toEqual([11811, 11811]);
    expect(writePng(PNG, { density: [11811, 11811] }).slice(33, 54)).toEqual( // as Pillow writes 300 dpi
      Uint8Array.of(0, 0, 0, 9, 0x70, 0x48, 0x59, 0x73, 0, 0, 0x2e, 0x23, 0, 0, 0x2e, 0x23, 1, 0x78, 0xa5, 0x3f, 0x76),
    );
  });
  test("WebP keeps EXIF with and without the prefix of JPEG", () => {
    for (const prefix of [new Uint8Array(), ascii("Exif\0\0")]) {
      const body = concatenate(prefix, EXIF);
      const file = concatenate(ascii("RIFF\0\0\0\0WEBPEXIF"), Uint8Array.of(body.length, 0, 0, 0), body);
      expect(readWebp(file)!.exif).toEqual(EXIF);
    }
  });
  test("EXIF of an upright picture without a thumbnail", () => {
    const fixed = upright(EXIF, [10, 20]);
    expect(Array.from(fixed.slice(18, 26))).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
    expect(EXIF[19]).toBe(6);
  });
  test("resolutions across and down change places where a picture is turned from its side", () => {
    const rational = (tag: number, at: number): number[] => [0x01, tag, 0, 5, 0, 0, 0, 1, 0, 0, 0, at];
    const [turned, across, down] = [[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0], rational(0x1a, 50), rational(0x1b, 58)];
    const exif = Uint8Array.of(0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 3, ...turned, ...across, ...down, 0, 0, 0, 0, 0, 0, 0, 204, 0, 0, 0, 1, 0, 0, 0, 98, 0, 0, 0, 1);
    const fixed = upright(exif, [10, 20]);
    expect(Array.from(fixed.slice(22, 46))).toEqual([...rational(0x1a, 58), ...rational(0x1b, 50)]);
    expect(upright(fixed, [10, 20])).toEqual(fixed);
  });
  test("damage of any place is no error", async () => {
    const all = { ...METADATA, photoshop: IPTC, comments: [{ keyword: "Title", text: ascii("Farm") }] };
    for (const [read, file] of [[readJpeg, writeJpeg(JPEG, all)], [readPng, writePng(PNG, all)]] as const) {
      for (let length = 0; length < file.length; length++) await read(file.slice(0, length));
    }
    for (let length = 0; length < EXIF.length; length++) expect(() => upright(EXIF.slice(0, length), [1, 1])).not.toThrow();
    expect(await readPng(ascii("no picture"))).toBeNull();
  });
});
