"""What is kept from one format to another, asked of other readers, is what docs/formats.md says.

``pytest tests/photographs/test_formats_table.py --update-references`` writes the table anew.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.photographs import (
    FORMATS,
    Comment,
    Metadata,
    Picture,
    encode_picture,
    losses,
    read_picture,
)
from tinct.photographs.icc import srgb_profile
from tinct.photographs.metadata import photoshop_of_iptc

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
BEGIN, END = "<!-- kept: made by a test -->\n", "<!-- end -->"
WRITABLE = list(dict.fromkeys(known.name for known in FORMATS.values() if not known.written_as))
IPTC = b"\x1c\x02\x78\0\x10Wedding, in 1931"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>kept as it is</a></x:xmpmeta>'


def everything() -> Picture:
    """A picture of 16 bits and alpha, with all that may travel with one."""
    exif = Image.Exif()
    exif[271] = "Scanner Co"
    exif.get_ifd(0x8769)[0x9003] = "1931:06:01 12:00:00"
    pixels = np.random.default_rng(2).integers(0, 65536, (40, 50, 4)).astype(np.uint16)
    metadata = Metadata(
        exif.tobytes().removeprefix(b"Exif\0\0"),
        srgb_profile(),
        XMP,
        (300.0, 300.0),
        photoshop_of_iptc(IPTC),
        (Comment("Comment", "album 3, page 7"),),
    )
    return Picture(pixels, metadata=metadata, pages=(Picture(pixels),))


def kept(data: bytes, name: str) -> list[str]:
    """Ask Pillow what is in a file, and the bytes themselves where it does not look."""
    image = Image.open(io.BytesIO(data))
    texts = getattr(image, "text", {})
    profiles = "".join(str(text) for key, text in texts.items() if "profile" in key)
    resolution = image.info.get("dpi", (0, 0))[0]
    if name == "JPEG2000" and b"resc" in data:
        resolution = 300
    found = {
        "EXIF": b"Scanner Co" in data and b"1931:06:01" in data,
        "ICC": "icc_profile" in image.info,
        "XMP": b"kept as it is" in data,
        "IPTC": IPTC in data or IPTC.hex() in profiles.replace("\n", ""),
        "comments": b"album 3, page 7" in data,
        "DPI": abs(float(resolution) - 300) < 0.1 or (name in ("WEBP", "AVIF") and exif_dpi(image)),
        "alpha": image.mode in ("RGBA", "LA"),
        "16 bits": read_picture(data).pixels.dtype == np.uint16,
        "pages": getattr(image, "n_frames", 1) > 1,
    }
    return [label for label, is_kept in found.items() if is_kept]


def exif_dpi(image: Image.Image) -> bool:
    return float(image.getexif().get(282, 0)) == 300


def make_table() -> str:
    lines = [
        "| from \\ to | " + " | ".join(WRITABLE) + " |",
        "|---" * (len(WRITABLE) + 1) + "|",
    ]
    for source in WRITABLE:
        read = read_picture(encode_picture(everything(), source))
        cells = []
        for target in WRITABLE:
            cells.append(", ".join(kept(encode_picture(read, target), target)) or "pixels alone")
        lines.append(f"| **{source}** | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def test_the_table_says_what_other_readers_find(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    found = make_table()
    if request.config.getoption("--update-references"):
        PAGE.write_text(before + BEGIN + found + END + after, encoding="utf-8")
        return
    assert table == found


@pytest.mark.parametrize("target", WRITABLE)
def test_what_is_not_kept_is_said(target: str) -> None:
    """Every label that a file lacks stands in one of the lines about it."""
    data = encode_picture(everything(), target)
    said = " ".join(losses(everything(), target))
    words = {"alpha": "transparency", "16 bits": "8 bits", "pages": "one page"}
    for label in {"EXIF", "XMP", "IPTC", "comments", "DPI", *words} - set(kept(data, target)):
        assert words.get(label, label) in said, label


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF"])
def test_exiftool_finds_it(target: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{target.lower()}"
    path.write_bytes(encode_picture(everything(), target))
    asked = ["-Make", "-DateTimeOriginal", "-Caption-Abstract"]
    done = subprocess.run(["exiftool", "-s3", *asked, path], capture_output=True, check=True)
    assert done.stdout.decode().split("\n")[:3] == [
        "Scanner Co",
        "1931:06:01 12:00:00",
        "Wedding, in 1931",
    ]
