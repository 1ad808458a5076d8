/** Image resources of Photoshop, IPTC among them (Photoshop file format, "Image Resources Section"). */
import { ascii, concatenate, latin1, viewOf } from "./bytes";

const SIGNATURES = ["8BIM", "AgHg", "DCSR", "MeSa", "PHUT"];
const IPTC = 0x0404;
const THUMBNAILS = [0x0409, 0x040c];

/** Return the resources that still hold after coloring: all but the thumbnails, which are gray; undefined where there are none. */
export function lasting(resources: Uint8Array): Uint8Array | undefined {
  const kept = [...wholesOf(resources)].filter((whole) => !THUMBNAILS.includes(viewOf(whole).getUint16(4)));
  return kept.length > 0 ? concatenate(...kept) : undefined;
}

/** Return the resource that holds these IPTC records, or the resources themselves where they are some. */
export function asResources(bytes: Uint8Array): Uint8Array {
  if (isResource(bytes)) return bytes;
  const head = concatenate(ascii("8BIM"), new Uint8Array(8));
  viewOf(head).setUint16(4, IPTC);
  viewOf(head).setUint32(8, bytes.length);
  return concatenate(head, bytes, new Uint8Array(bytes.length & 1));
}

/** Give all bytes of each resource: signature, number, name, length and content, both padded to an even length; damage ends the walk. */
function* wholesOf(resources: Uint8Array): Generator<Uint8Array> {
  for (let rest = resources; isResource(rest) && rest.length >= 12; ) {
    const nameEnd = 6 + ((rest[6]! + 2) & ~1);
    if (nameEnd + 4 > rest.length) return;
    const length = viewOf(rest).getUint32(nameEnd);
    const end = nameEnd + 4 + length + (length & 1);
    const whole = rest.subarray(0, end);
    if (whole.length < end - (length & 1)) return;
    yield whole.length < end ? concatenate(whole, new Uint8Array(1)) : whole;
    rest = rest.subarray(end);
  }
}

function isResource(bytes: Uint8Array): boolean {
  return SIGNATURES.includes(latin1(bytes.subarray(0, 4)));
}
