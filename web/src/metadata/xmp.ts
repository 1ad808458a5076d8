/** XMP packets: they state that a trained model has altered the picture, as `tinct.photographs.xmp`. */
import { version, xmp } from "../constants.json";

const RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const TIFF = "http://ns.adobe.com/tiff/1.0/";
const IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
const XMLNS = "http://www.w3.org/2000/xmlns/";
const BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>';
const END = '<?xpacket end="w"?>';
const EMPTY = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="${RDF}"/></x:xmpmeta>`;

/** Return a packet, made of this one or new, which states that a model of tinct has colored the picture. */
export function markColored(packet: Uint8Array | undefined, model: string): Uint8Array {
  const document = parse(packet === undefined ? EMPTY : new TextDecoder().decode(packet)) ?? parse(EMPTY)!;
  const root = document.getElementsByTagNameNS(RDF, "RDF")[0]!;
  const stated = new Map([
    ["DigitalSourceType", xmp.sourceType],
    ["AISystemUsed", `tinct ${model}`],
    ["AISystemVersionUsed", version],
  ]);
  const isGone = (namespace: string | null, name: string): boolean =>
    (namespace === IPTC_EXTENSION && stated.has(name)) ||
    (namespace === TIFF && name === "Orientation") || // the result stands upright
    xmp.ofOtherParts.includes(namespace ?? "") ||
    xmp.gone.some(([space, local]) => space === namespace && local === name);
  for (const element of [...document.getElementsByTagName("*")]) {
    for (const attribute of [...element.attributes]) {
      if (isGone(attribute.namespaceURI, attribute.localName)) element.removeAttributeNode(attribute);
    }
    if (isGone(element.namespaceURI, element.localName)) element.remove();
  }
  const description = document.createElementNS(RDF, "rdf:Description");
  description.setAttributeNS(XMLNS, "xmlns:Iptc4xmpExt", IPTC_EXTENSION);
  description.setAttributeNS(RDF, "rdf:about", "");
  for (const [name, value] of stated) description.setAttributeNS(IPTC_EXTENSION, `Iptc4xmpExt:${name}`, value);
  root.append(description);
  return new TextEncoder().encode(BEGIN + new XMLSerializer().serializeToString(document.documentElement) + END);
}

/** Parse a packet; null where it is no XMP. */
function parse(text: string): Document | null {
  const document = new DOMParser().parseFromString(text.replace(/^[\0\s\ufeff]+|[\0\s]+$/g, ""), "application/xml");
  const isBroken = document.getElementsByTagName("parsererror").length > 0;
  return isBroken || document.getElementsByTagNameNS(RDF, "RDF").length === 0 ? null : document;
}
