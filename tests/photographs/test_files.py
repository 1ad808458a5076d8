"""Bad input and bad output: one line with the file and the reason, and nothing half-written."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from tinct.errors import InputError, OutputError
from tinct.files import write_atomically
from tinct.photographs import Picture, read_picture, write_picture

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions and limits")


def reason(source: Any, **options: Any) -> str:
    with pytest.raises(InputError) as raised:
        read_picture(source, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert reason(path) == f"{path}: no such file"
    assert reason(str(path)) == f"{path}: no such file"
    assert reason(path, name="a.jpg") == "a.jpg: no such file"
    assert reason(tmp_path / "no" / "a.jpg") == f"{tmp_path}/no/a.jpg: no such file"
    assert reason("a\0b") == "a\0b: no such file"
    assert reason("x" * 5000).endswith(": the name is too long")


def test_folder(tmp_path: Path) -> None:
    assert reason(tmp_path) == f"{tmp_path}: a folder, not a file"


@posix
def test_device() -> None:
    assert reason("/dev/zero") == "/dev/zero: a device, not a file"


def test_empty(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.touch()
    assert reason(path) == f"{path}: the file is empty"
    assert reason(b"") == "picture: the file is empty"


@pytest.mark.parametrize(
    "content",
    [
        b"\0",
        b"hello world\n",
        b"\x7fELF" + bytes(100),
        b"P9 1 1\n",
    ],
)
def test_not_a_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scan.jpg"
    path.write_bytes(content)
    assert reason(path) == f"{path}: not a picture that tinct can read"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing (SVG), not a photograph"),
        (b"\0\0\0\x18ftypisom" + bytes(100), "a film; use tinct video"),
        (b"PK\x03\x04" + bytes(100), "an archive (ZIP); unpack it first"),
    ],
)
def test_what_else_people_bring(content: bytes, said: str) -> None:
    assert reason(content, name="scan.jpg").startswith(f"scan.jpg: {said}")


def test_a_long_film_is_not_loaded(tmp_path: Path) -> None:
    """A sparse file of a terabyte, which nobody could read into memory."""
    path = tmp_path / "film.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert reason(path).endswith("not a picture that tinct can read")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "JPEG2000"])
def test_only_the_head_is_left(photo: NDArray[np.uint8], save: Any, kind: str) -> None:
    said = reason(save(photo, kind)[:34], name="a")
    assert re.fullmatch(r"a: damaged\b.*", said)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "PPM", "JPEG2000"])
def test_too_large(photo: NDArray[np.uint8], save: Any, kind: str) -> None:
    data = save(photo, kind)
    assert read_picture(data, max_pixels=75 * 97).size == (97, 75)
    said = reason(data, max_pixels=75 * 97 - 1, name="big")
    wanted = (
        "big: 0.007275 megapixels, more than the limit of 0.007274 (raise it with --max-pixels)"
    )
    assert said == wanted


def test_a_bomb_is_seen_in_the_header(tmp_path: Path) -> None:
    """400 megapixels in a few bytes, in every format that can state them; nothing is decoded."""
    width, height = (20_000).to_bytes(4), (20_000).to_bytes(4)
    ihdr = b"IHDR" + width + height + b"\x10\x06\0\0\0"
    png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + ihdr + __import__("zlib").crc32(ihdr).to_bytes(4)
    jpeg = b"\xff\xd8\xff\xc0\0\x11\x08" + height[2:] + width[2:] + b"\x03" + bytes(20)
    bmp = io.BytesIO()
    from PIL import Image

    Image.new("L", (1, 1)).save(bmp, "BMP")
    patched = bytearray(bmp.getvalue())
    patched[18:26] = (20_000).to_bytes(4, "little") * 2
    for data in (png, jpeg, b"P6 20000 20000 255\n", b"P4 20000 20000\n", bytes(patched)):
        said = reason(data, name="big")
        assert said == (
            "big: 400 megapixels, more than the limit of 300 (raise it with --max-pixels)"
        )


def test_no_pixels() -> None:
    assert reason(b"P5 0 7 255\n", name="a") == "a: the picture has no pixels"
    assert "no pixels" in reason(b"\xff\xd8\xff\xc0\0\x11\x08\0\0\0\x10\x01" + bytes(20))


def test_more_pixels_than_pillow_allows(tmp_path: Path) -> None:
    """Above Pillow's own limit, which would warn: 90 megapixels of one bit."""
    data = b"P4 10000 9000\n" + bytes(1250 * 9000)
    assert read_picture(data).size == (10000, 9000)


def test_wrong_suffix(photo: NDArray[np.uint8], save: Any, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(save(photo, "PNG"))
    read = read_picture(path)
    assert read.source_format == "PNG"
    assert np.array_equal(read.pixels, photo)


def test_sources(photo: NDArray[np.uint8], save: Any, tmp_path: Path) -> None:
    data = save(photo, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        sources = [path, str(path), data, io.BytesIO(data), file]
        for source in sources:
            assert np.array_equal(read_picture(source).pixels, photo)
    assert reason(io.BytesIO(b"x")) == "picture: not a picture that tinct can read"


@posix
def test_pipe(photo: NDArray[np.uint8], save: Any) -> None:
    data = save(np.tile(photo, (9, 9, 1)), "BMP")  # more than a pipe holds
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write(data)

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reader, "rb") as file:
        assert read_picture(file).size == (97 * 9, 75 * 9)
    thread.join()


def test_damaged_png_in_part(photo: NDArray[np.uint8], save: Any) -> None:
    data = save(photo, "PNG")
    part = read_picture(data[: len(data) // 2])
    assert part.warnings == ("damaged, read as far as possible",)
    assert np.array_equal(part.pixels[:15], photo[:15])
    assert not part.pixels[-1].any()
    flipped = bytearray(data)
    flipped[-30] ^= 0x10
    part = read_picture(bytes(flipped))
    assert part.warnings == ("damaged, read as far as possible",)
    assert np.array_equal(part.pixels[:30], photo[:30])
    without_end = read_picture(data[:-12])
    assert without_end.warnings == ("damaged, read as far as possible (it ends early)",)


@pytest.mark.parametrize(
    "options", [{"rowsperstrip": 40}, {"tile": (64, 64)}, {"rowsperstrip": 300}]
)
@pytest.mark.parametrize("predictor", [None, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_damage_anywhere_in_a_tiff_is_noticed(
    deep: NDArray[np.uint16], options: dict[str, Any], predictor: Any, order: Any
) -> None:
    """Any flipped bit in deflated data, though libtiff does not look at checksums."""
    target = io.BytesIO()
    pixels = np.tile(deep[..., :3], (4, 1, 1))
    tifffile.imwrite(
        target, pixels, photometric="rgb", compression="zlib", predictor=predictor,
        byteorder=order, **options,
    )  # fmt: skip
    data = target.getvalue()
    assert read_picture(data).warnings == ()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        last = page.dataoffsets[-1] + page.databytecounts[-1]
        first = page.dataoffsets[0]
    for at in np.random.default_rng(1).integers(first, last, 60):
        damaged = bytearray(data)
        damaged[at] ^= 1 << int(at % 8)
        try:
            read = read_picture(bytes(damaged))
        except InputError:
            continue
        if not np.array_equal(read.pixels, pixels):
            assert read.warnings == ("damaged, read as far as possible",), at


@pytest.mark.parametrize("rows_per_strip", [40, 3000])
def test_damaged_tiff_in_part(deep: NDArray[np.uint16], rows_per_strip: int) -> None:
    tall = np.tile(deep[..., :3], (40, 1, 1))
    target = io.BytesIO()
    tifffile.imwrite(
        target, tall, photometric="rgb", compression="zlib", rowsperstrip=rows_per_strip
    )
    data = bytearray(target.getvalue())
    data[len(data) // 2] ^= 0xFF
    part = read_picture(bytes(data))
    assert part.warnings == ("damaged, read as far as possible",)
    rows = (part.pixels == tall).reshape(len(tall), -1).all(axis=1)
    assert 0.1 < rows.mean() < 1


def patched_tiff(pixels: NDArray[Any], tag: int, value: int, **options: Any) -> bytes:
    """A deflated TIFF in which one number of its directory has been replaced."""
    target = io.BytesIO()
    tifffile.imwrite(target, pixels, compression="zlib", rowsperstrip=len(pixels), **options)
    with tifffile.TiffFile(io.BytesIO(target.getvalue())) as file:
        place, kind = file.pages[0].tags[tag].valueoffset, file.pages[0].tags[tag].dtype
    data = bytearray(target.getvalue())
    struct.pack_into("<H" if kind == 3 else "<I", data, place, value)
    return bytes(data)


def test_damaged_depth_of_a_tiff(photo: NDArray[np.uint8]) -> None:
    """One bit with a predictor is refused by libtiff; what is taken of it is of eight bits."""
    read = read_picture(patched_tiff(photo[..., 0], 258, 1, predictor=2))
    assert "damaged, read as far as possible" in read.warnings
    assert read.pixels.dtype == np.uint8
    assert set(np.unique(read.pixels)) == {0, 255}


def test_damaged_number_of_channels_of_a_tiff(photo: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="CMYK of less than four channels"):
        read_picture(patched_tiff(photo[..., 0], 262, 5))


def test_pages_of_a_tiff_that_go_in_circles(photo: NDArray[np.uint8]) -> None:
    target = io.BytesIO()
    tifffile.imwrite(target, photo[..., 0])
    data = bytearray(target.getvalue())
    with tifffile.TiffFile(io.BytesIO(target.getvalue())) as file:
        directory = file.pages[0].offset
    (num_tags,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * num_tags, directory)
    read = read_picture(bytes(data))
    assert read.pages == ()
    np.testing.assert_array_equal(read.pixels, photo[..., 0])


def test_damaged_pnm_in_part(photo: NDArray[np.uint8], save: Any) -> None:
    part = read_picture(save(photo, "PPM")[:-1000])
    assert part.warnings == ("damaged, read as far as possible (it ends early)",)
    assert np.array_equal(part.pixels[:70], photo[:70])


def test_writing(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert Picture(photo).save(path) == ()
    assert np.array_equal(read_picture(path).pixels, photo)
    assert os.listdir(tmp_path) == ["a.png"]
    alpha = Picture(np.dstack([photo, photo[..., 0]]))
    assert alpha.save(tmp_path / "b.jpg") == ("JPEG has no transparency: composed over white",)
    alpha.save(tmp_path / "c", format="webp")
    assert read_picture(tmp_path / "c").source_format == "WEBP"


def test_no_overwriting(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.png: exists already$"):
        write_picture(Picture(photo), path, overwrite=False)
    assert path.read_bytes() == b"precious"
    write_picture(Picture(photo), path, overwrite=True)
    assert read_picture(path).pixels.shape == photo.shape
    write_picture(Picture(photo), tmp_path / "b.png", overwrite=False)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_of_two_writers_one_is_told(tmp_path: Path) -> None:
    """Without overwriting, exactly one of many at once may have the name."""
    path = tmp_path / "a"

    def attempt(number: int) -> bool:
        try:
            write_atomically(bytes([number]) * 1000, path, overwrite=False)
        except OutputError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(40))) == 1
    assert len(set(path.read_bytes())) == 1
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no/a.png", "there is no such folder"),
        ("folder", "a folder, not a file"),
        ("file/a.png", "there is no such folder"),
        ("x" * 300 + ".png", "the name is too long"),
        ("a\0b.png", "not a name for a file"),
    ],
)
def test_places_that_cannot_be_written(
    photo: NDArray[np.uint8], tmp_path: Path, path: str, said: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    target = f"{tmp_path}/{path}"
    with pytest.raises(OutputError) as raised:
        write_picture(Picture(photo), target, format="png")
    assert str(raised.value) == f"{target}: {said}"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@posix
def test_permissions(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        Picture(photo).save(tmp_path / "a.png")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640
    (tmp_path / "a.png").chmod(0o604)
    Picture(photo).save(tmp_path / "a.png")
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o604


@posix
def test_links_are_followed(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real)
    Picture(photo).save(link)
    assert link.is_symlink()
    assert read_picture(real).pixels.shape == photo.shape


@posix
def test_devices_are_written_to(photo: NDArray[np.uint8]) -> None:
    write_picture(Picture(photo), "/dev/null", format="png")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from tinct.errors import OutputError
from tinct.photographs import Picture, write_picture
pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    write_picture(Picture(pixels), sys.argv[1], format=sys.argv[2])
except OutputError as error:
    print(error)
"""


@posix
@pytest.mark.parametrize("kind", ["png", "tiff", "bmp", "ppm"])
@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_write_that_fails_half_way(tmp_path: Path, kind: str, before: bytes | None) -> None:
    """The system refuses after 50,000 bytes, as it does on a full disk."""
    path = tmp_path / "out.png"
    if before is not None:
        path.write_bytes(before)
    said = run(FULL_DISK, str(path), kind)
    assert said == f"{path}: larger than a file may be here\n"
    assert os.listdir(tmp_path) == ([] if before is None else ["out.png"])
    if before is not None:
        assert path.read_bytes() == before


READ_ONLY_FOLDER = """
import os, sys
import numpy as np
from tinct.errors import InputError, OutputError
from tinct.photographs import Picture, encode_picture, read_picture, write_picture
picture = Picture(np.zeros((9, 9), np.uint8))
encode_picture(picture, "png")  # nobody may not even read the modules that this needs
if os.geteuid() == 0:
    os.setuid(65534)  # nobody; root may write everywhere
for name in ("new.png", "old.png"):
    try:
        write_picture(picture, os.path.join(sys.argv[1], name))
    except OutputError as error:
        print(error)
try:
    read_picture(os.path.join(sys.argv[1], "secret.png"))
except InputError as error:
    print(error)
"""


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that other users can look into; pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@posix
def test_no_permission(shared_folder: Path) -> None:
    (shared_folder / "old.png").write_bytes(b"old")
    (shared_folder / "secret.png").write_bytes(b"secret")
    (shared_folder / "secret.png").chmod(0)
    shared_folder.chmod(0o555)
    try:
        said = run(READ_ONLY_FOLDER, str(shared_folder))
    finally:
        shared_folder.chmod(0o755)
    names = ("new.png", "old.png", "secret.png")
    assert said.splitlines() == [f"{shared_folder}/{name}: no permission" for name in names]
    assert sorted(os.listdir(shared_folder)) == ["old.png", "secret.png"]
    assert (shared_folder / "old.png").read_bytes() == b"old"


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(b"data", tmp_path / "a", overwrite=True)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("name", "overwrite"), [("replace", True), ("unlink", False)])
def test_a_write_that_is_interrupted_at_its_end_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, overwrite: bool
) -> None:
    finish = getattr(os, name)

    def finish_and_interrupt(*paths: str) -> None:
        finish(*paths)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, name, finish_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(b"data", tmp_path / "a", overwrite=overwrite)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"data"


def run(program: str, *arguments: str) -> str:
    """Run a program in its own process; nothing may appear on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def test_limits_of_formats(tmp_path: Path) -> None:
    wide = Picture(np.zeros((1, 70_000), np.uint8))
    for suffix, limit in ((".jpg", 65535), (".webp", 16383)):
        path = tmp_path / f"a{suffix}"
        with pytest.raises(OutputError) as raised:
            wide.save(path)
        assert str(raised.value).startswith(f"{path}: cannot be written as ")
        assert str(raised.value).endswith(
            f"cannot hold more than {limit} pixels in a row or column"
        )
    deep = Picture(np.zeros((8, 8, 3), np.uint16))
    with pytest.raises(OutputError, match="16-bit color needs at least 32 pixels"):
        deep.save(tmp_path / "a.jp2")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
    ids=["float", "five channels", "one axis", "empty"],
)
def test_arrays_that_are_no_pictures(pixels: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"picture|pixels"):
        Picture(pixels)


def test_planes_must_fit() -> None:
    luma, plane = np.zeros((5, 7), np.uint8), np.zeros((3, 4), np.uint8)
    Picture(luma, (plane, plane))
    for pixels, chroma in (
        (luma, (plane, plane[:2])),
        (luma.astype(np.uint16), (plane, plane)),
        (np.zeros((5, 7, 3), np.uint8), (plane, plane)),
    ):
        with pytest.raises(ValueError, match="planes must"):
            Picture(pixels, chroma)


def test_many_threads(photo: NDArray[np.uint8], save: Any) -> None:
    """Good and damaged files at once; everybody gets what they would get alone."""
    kinds = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "PPM", "JPEG2000")
    files = [save(photo, kind) for kind in kinds]
    files += [data[: len(data) * 2 // 3] for data in files]

    def outcome(data: bytes) -> tuple[Any, ...]:
        try:
            read = read_picture(data)
        except InputError as error:
            return (str(error),)
        return read.pixels.tobytes(), read.warnings

    alone = [outcome(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(outcome, files * 6))
    assert together == alone * 6


def test_importing_is_light() -> None:
    """The first JPEG must not wait for libraries that it does not need."""
    program = """
import sys
import numpy as np
from tinct.photographs import Picture, encode_picture, read_picture
read_picture(encode_picture(Picture(np.zeros((9, 9), np.uint8)), "jpeg"))
print([name for name in ("PIL", "tifffile", "torch", "onnx", "typer") if name in sys.modules])
"""
    assert run(program) == "[]\n"
