"""XMP packets: the orientation they state, what they say of parts that are gone, who colored it."""

from __future__ import annotations

import xml.dom.minidom
from collections.abc import Iterator, Mapping
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import quoteattr

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
# Single properties of the kind: text that stands outside the packet, and small gray pictures
GONE = {
    ("http://ns.adobe.com/xmp/note/", "HasExtendedXMP"),
    ("http://ns.adobe.com/xap/1.0/", "Thumbnails"),
}
# What describes further pictures or films behind the first one, which are not kept: gain maps for
# bright screens, moving pictures of telephones, depth.
OF_OTHER_PARTS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.apple.com/pixeldatainfo/1.0/",
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/depthmap/",
    "http://ns.google.com/photos/1.0/image/",
    "http://ns.google.com/photos/dd/1.0/device/",
}
# "Edited using generative AI" of the vocabulary https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = '<?xpacket end="w"?>'
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'

# Breaks and tabs in attributes, which Python 3.11 writes as they are, and every reader takes for
# spaces then (XML 1.0, 3.3.3): hidden as characters that no text has while a document is written.
_HIDDEN = {9: 0xFDD0, 10: 0xFDD1, 13: 0xFDD2}
_SHOWN = {hidden: f"&#{code};" for code, hidden in _HIDDEN.items()}

_Node = xml.dom.minidom.Element | xml.dom.minidom.Attr


def xmp_orientation(packet: bytes | None) -> int | None:
    """Read the orientation that a packet states, 1..8; None where it states none."""
    document = _parse(packet)
    if document is None:
        return None
    for node in _properties(document, _TIFF, "Orientation"):
        text = _text(node)
        if text in set("12345678"):
            return int(text)
    return None


def upright_xmp(packet: bytes | None, is_upright: bool) -> bytes | None:
    """Make a packet describe the picture as tinct holds it.

    What describes parts of the file that are not kept is taken out. A packet in which nothing has
    to change is returned byte for byte.

    Args:
        packet: An XMP packet, or None.
        is_upright: Whether an orientation was known and applied: the stated one then becomes 1.

    Returns:
        The packet; None where it is no XML.
    """
    document = _parse(packet)
    if document is None:
        return None
    changed = False
    for node in list(_properties(document, _TIFF, "Orientation")) if is_upright else ():
        if _text(node) != "1":
            _set_text(document, node, "1")
            changed = True
    for node in list(_all(document)):
        if node.namespaceURI in OF_OTHER_PARTS or (node.namespaceURI, node.localName) in GONE:
            changed = _remove(node) or changed
    return _write(document) if changed else packet


def mark_colored(packet: bytes | None, system: str, version: str) -> bytes:
    """State in a packet, or in a new one, that a trained model has altered the picture.

    The properties are those of the IPTC Photo Metadata Standard 2025.1: DigitalSourceType,
    AISystemUsed and AISystemVersionUsed. They are put in as text: the rest of a packet stays byte
    for byte, unless it was marked before.

    Args:
        packet: The XMP packet so far.
        system: Which program and model.
        version: The program's version.
    """
    stated = {
        "DigitalSourceType": SOURCE_TYPE,
        "AISystemUsed": system,
        "AISystemVersionUsed": version,
    }
    document = _parse(packet)
    if document is None or not document.getElementsByTagNameNS(_RDF, "RDF"):  # none yet, or no XMP
        packet, document = None, xml.dom.minidom.parseString(_EMPTY)
    was_marked = False
    for name in stated:
        for node in list(_properties(document, _IPTC_EXTENSION, name)):
            was_marked = _remove(node) or was_marked
    rdf = document.getElementsByTagNameNS(_RDF, "RDF")[0]
    end = f"</{rdf.tagName}>".encode()
    if packet is None or was_marked or end not in packet:
        rdf.appendChild(document.createTextNode(""))  # else an empty one has no end of its own
        packet = _write(document)
    before, _, after = packet.rpartition(end)
    return before + _description(_about(rdf), stated) + end + after


def _about(rdf: xml.dom.minidom.Element) -> str:
    """Return what the properties of a packet are about: of all alike (ISO 16684-1, 7.4)."""
    for node in rdf.childNodes:
        if isinstance(node, xml.dom.minidom.Element) and node.localName == "Description":
            return node.getAttributeNS(_RDF, "about") or node.getAttribute("about")
    return ""


def _description(about: str, stated: Mapping[str, str]) -> bytes:
    """Write properties of the IPTC as an element that needs no namespaces of a packet."""
    properties = "".join(
        f" Iptc4xmpExt:{name}={quoteattr(value)}" for name, value in stated.items()
    )
    return (
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about={quoteattr(about)}'
        f' xmlns:Iptc4xmpExt="{_IPTC_EXTENSION}"{properties}/>'
    ).encode("ascii", "xmlcharrefreplace")  # fits into a packet of any encoding


def _parse(packet: bytes | None) -> xml.dom.minidom.Document | None:
    """Parse a packet; None where there is none, or it is no XML."""
    if not packet:
        return None
    try:
        return xml.dom.minidom.parseString(packet.strip(b"\0 \t\r\n"))
    except (ExpatError, ValueError, LookupError):
        return None


def _all(document: xml.dom.minidom.Document) -> Iterator[_Node]:
    """Walk all elements and attributes."""
    for element in document.getElementsByTagName("*"):
        yield element
        for index in range(element.attributes.length):
            attribute = element.attributes.item(index)
            assert isinstance(attribute, xml.dom.minidom.Attr)
            yield attribute


def _properties(document: xml.dom.minidom.Document, namespace: str, name: str) -> Iterator[_Node]:
    """Find a property in both forms that XMP knows: an attribute or an element."""
    for node in _all(document):
        if (node.namespaceURI, node.localName) == (namespace, name):
            yield node


def _text(node: _Node) -> str:
    if isinstance(node, xml.dom.minidom.Attr):
        return node.value.strip()
    return "".join(
        child.data for child in node.childNodes if child.nodeType == child.TEXT_NODE
    ).strip()


def _set_text(document: xml.dom.minidom.Document, node: _Node, text: str) -> None:
    if isinstance(node, xml.dom.minidom.Attr):
        node.value = text
        return
    while node.firstChild:
        node.removeChild(node.firstChild)
    node.appendChild(document.createTextNode(text))


def _remove(node: _Node) -> bool:
    """Take a property out; tell whether it was still in the packet."""
    if isinstance(node, xml.dom.minidom.Attr):
        owner = node.ownerElement
        if owner is None:
            return False
        owner.removeAttributeNode(node)
        return True
    if node.parentNode is None:
        return False
    node.parentNode.removeChild(node)
    return True


def _write(document: xml.dom.minidom.Document) -> bytes:
    """Write a packet, between the marks that let programs find it without knowing the format."""
    assert document.documentElement is not None
    for node in _all(document):
        if isinstance(node, xml.dom.minidom.Attr):
            node.value = node.value.translate(_HIDDEN)
    text = document.documentElement.toxml().translate(_SHOWN)
    return f"{_BEGIN}{text}{_END}".encode()
