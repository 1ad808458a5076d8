"""EXIF blocks are patched in place; XMP states the same orientation."""

from __future__ import annotations

import struct
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from tinct.photographs.exif import (
    exif_dpi,
    exif_orientation,
    strip_exif_prefix,
    upright_exif,
    with_dpi,
)
from tinct.photographs.metadata import sensible_dpi
from tinct.photographs.xmp import mark_colored, upright_xmp, xmp_orientation


@pytest.mark.parametrize("order", ["<", ">"])
def test_upright_exif(exif_block: Any, order: str) -> None:
    block = exif_block(6, order)
    assert exif_orientation(block) == 6
    assert exif_dpi(block) == (300, 200)
    patched, had_thumbnail = upright_exif(block, 97, 75, is_upright=True)
    assert patched is not None
    assert had_thumbnail
    assert b"thumb" not in patched
    assert patched.index(b"maker's note 123") == block.index(b"maker's note 123")
    exif = Image.Exif()
    exif.load(patched)
    assert exif[0x0112] == 1
    inner = exif.get_ifd(0x8769)
    assert (inner[0xA003], inner[0xA002]) == (97, 75)
    assert not exif.get_ifd(1)


def test_a_thumbnail_in_the_middle_is_blanked(exif_block: Any) -> None:
    block = exif_block(1, thumbnail=b"\xff\xd8picture") + b"something behind it"
    patched, had_thumbnail = upright_exif(block, 75, 97, is_upright=False)
    assert had_thumbnail
    assert patched is not None
    assert len(patched) == len(block)
    assert b"picture" not in patched
    assert patched.endswith(b"something behind it")


@pytest.mark.parametrize("block", [b"", b"junk", b"II*\0", b"II*\0\xff\xff\xff\xff", b"\0" * 40])
def test_senseless_blocks(block: bytes | None) -> None:
    assert exif_orientation(block) is None
    assert exif_dpi(block) is None
    assert strip_exif_prefix(upright_exif(block, 3, 4, is_upright=False)[0]) is None


def test_every_truncation_is_survived(exif_block: Any) -> None:
    block = exif_block(8)
    for length in range(len(block)):
        assert exif_orientation(block[:length]) in (None, 8)
        exif_dpi(block[:length])
        patched, _ = upright_exif(block[:length], 3, 4, is_upright=True)
        assert patched is None or exif_orientation(patched) in (None, 1)


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_orientations_that_do_not_exist(exif_block: Any, value: int) -> None:
    assert exif_orientation(exif_block(value)) is None


def test_prefix() -> None:
    block = b"II*\0" + struct.pack("<IH", 8, 0)
    assert strip_exif_prefix(b"Exif\0\0" + block) == block
    assert strip_exif_prefix(block) == block


HEAD = '<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/">'


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ('<a tiff:Orientation="6"/>', '<a tiff:Orientation="1"/>'),
        ("<a tiff:Orientation = '3'/>", '<a tiff:Orientation="1"/>'),
        ("<tiff:Orientation>8</tiff:Orientation>", "<tiff:Orientation>1</tiff:Orientation>"),
    ],
)
def test_upright_xmp(content: str, wanted: str) -> None:
    packet = f"{HEAD}{content}</x:xmpmeta>".encode()
    assert xmp_orientation(packet) in (3, 6, 8)
    upright = upright_xmp(packet, is_upright=True)
    assert upright is not None
    assert wanted in upright.decode()
    assert upright_xmp(packet, is_upright=False) == packet  # not honored, so not erased


PACKET = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xapmeta xmlns:x='adobe:ns:meta/'>"
    b"<R:RDF xmlns:R='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><R:Description "
    b"R:about='uuid:9d1e&amp;' xmlns:p='http://ns.adobe.com/photoshop/1.0/' "
    b"xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6' "
    b"p:Instructions='one&#xA;two&#9;three'/></R:RDF></x:xapmeta><?xpacket end='w'?>"
)
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"


def _descriptions(packet: bytes) -> list[dict[str, str]]:
    return [node.attrib for node in ElementTree.fromstring(packet).iter(f"{RDF}Description")]


def test_the_mark_is_put_into_a_packet_that_stays_byte_for_byte() -> None:
    marked = mark_colored(PACKET, 'tinct "base" & more', "1")
    begin, end = PACKET.split(b"</R:RDF>")
    assert marked.startswith(begin)
    assert marked.endswith(b"</R:RDF>" + end)
    given, ours = _descriptions(marked)
    assert given[f"{RDF}about"] == ours[f"{RDF}about"] == "uuid:9d1e&"
    assert ours[f"{EXTENSION}AISystemUsed"] == 'tinct "base" & more'
    again = mark_colored(marked, "tinct nano", "2")
    assert again.count(b"AISystemUsed") == 1
    assert _descriptions(again)[0][f"{PHOTOSHOP}Instructions"] == "one\ntwo\tthree"


@pytest.mark.parametrize("packet", [None, b"junk", b"<a/>", PACKET.replace(b"/R:RDF", b"/R:RDF ")])
def test_a_packet_that_cannot_be_spliced_is_written_anew(packet: bytes | None) -> None:
    marked = mark_colored(packet, "tinct base", "1")
    assert _descriptions(marked)[-1][f"{EXTENSION}AISystemVersionUsed"] == "1"
    is_text = packet is not None and len(packet) > 10
    assert (b"uuid:9d1e" in marked) == is_text


def test_breaks_in_attributes_survive_a_change() -> None:
    upright = upright_xmp(PACKET, is_upright=True)
    assert upright is not None
    (description,) = _descriptions(upright)
    assert description["{http://ns.adobe.com/tiff/1.0/}Orientation"] == "1"
    assert description[f"{PHOTOSHOP}Instructions"] == "one\ntwo\tthree"


@pytest.mark.parametrize("packet", [None, b"", b"junk", b"<a other='6'/", b"<a>&b;</a>"])
def test_packets_that_are_no_xml(packet: bytes | None) -> None:
    assert xmp_orientation(packet) is None
    assert upright_xmp(packet, is_upright=True) is None


@pytest.mark.parametrize("order", ["<", ">", None])
def test_resolution_in_a_block(exif_block: Any, order: str | None) -> None:
    before = None if order is None else exif_block(6, order)
    block = with_dpi(before, 299.5, 600)
    if before is not None:
        assert block[8 : len(before)] == before[8:]  # nothing has moved
        assert exif_orientation(block) == 6
        assert upright_exif(block, 3, 4, is_upright=True)[1]  # the thumbnail is still linked
    assert exif_dpi(block) == (299.5, 600)
    exif = Image.Exif()
    exif.load(block)
    assert float(exif[0x011A]) == 299.5


@pytest.mark.parametrize("values", [(0, 300), (1, 1), (300, 1e9), (float("nan"), 300)])
def test_senseless_resolutions(values: tuple[float, float]) -> None:
    assert sensible_dpi(*values) is None
