from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct import color
from tinct.errors import InputError, ModelError, OptionError
from tinct.lab.metrics.metrics import ciede2000
from tinct.photographs import Picture
from tinct.runtime import Colorizer
from tinct.runtime.canvas import Canvas, _spots
from tinct.runtime.session import hints_path, model_path


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", device="cpu", threads=1)


def gray_picture(width: int = 320, height: int = 240) -> np.ndarray:
    """Soft blobs with a bright, sharply bounded disk in the middle."""
    y, x = np.mgrid[:height, :width] / height
    gray = 110 + 60 * np.sin(5 * x + 1) * np.cos(4 * y)
    gray[np.hypot(x - x.mean(), y - y.mean()) < 0.2] = 200
    return np.rint(gray).astype(np.uint8)


@pytest.fixture
def canvas(colorizer: Colorizer) -> Canvas:
    return colorizer.open(gray_picture())


def lab_at(canvas: Canvas, x: float, y: float, half: int = 1) -> np.ndarray:
    row, column = int(y), int(x)
    part = canvas.picture()[row - half : row + half + 1, column - half : column + half + 1]
    return color.rgb_to_lab((part.reshape(-1, 3).mean(axis=0) / 255).astype(np.float32))


def distance(found: np.ndarray, wanted_ab: np.ndarray) -> float:
    wanted = np.array([found[0], *wanted_ab], np.float32)
    return ciede2000(found[None, None], wanted[None, None])


@pytest.mark.parametrize("vividness", [0.0, 0.55, 1.0])
def test_without_hints_it_is_the_automatic_picture(colorizer: Colorizer, vividness: float) -> None:
    canvas = colorizer.open(gray_picture(), vividness=vividness, saturation=1.3, cautious=0.3)
    wanted = colorizer(gray_picture(), vividness=vividness, saturation=1.3, cautious=0.3)
    np.testing.assert_array_equal(canvas.picture(), wanted)


def test_the_answer_without_hints_is_that_of_the_network(colorizer: Colorizer) -> None:
    lightness = np.linspace(5, 95, 64 * 96, dtype=np.float32).reshape(1, 1, 64, 96)
    ab, confidence = colorizer.session.run(lightness, 0.4)
    encoded = colorizer.session.encode(lightness, 0.4)
    np.testing.assert_allclose(encoded.ab, ab[0], atol=1e-4)
    np.testing.assert_allclose(encoded.confidence, confidence[0, 0], atol=1e-4)


@pytest.mark.parametrize("size", [(320, 240), (60, 50), (900, 100), (1200, 1600)])
def test_a_hint_holds_in_the_finished_picture(colorizer: Colorizer, size: tuple[int, int]) -> None:
    canvas = colorizer.open(gray_picture(*size))
    places = [(0.25, 0.25, "#2e7d32"), (0.5, 0.5, "lab(50, 30, -30)"), (0.8, 0.7, "chocolate")]
    for x, y, name in places:
        canvas.hint(x * size[0], y * size[1], name)
    for (x, y, _), ab in zip(places, canvas.wanted(), strict=True):
        assert distance(lab_at(canvas, x * size[0], y * size[1]), ab) < 2


def test_luma_stays_as_it_was(canvas: Canvas) -> None:
    canvas.hint(160, 120, "crimson", radius=20)
    luma = color.rgb_to_luma(canvas.picture().astype(np.float32) / 255) * 255
    assert np.abs(luma - gray_picture()).max() <= 1


def test_a_color_ends_before_what_is_far_and_unlike(canvas: Canvas) -> None:
    before = color.rgb_to_lab(canvas.picture().astype(np.float32) / 255)[..., 1:]
    canvas.hint(160, 120, "lab(60, 50, -40)", radius=10)
    after = color.rgb_to_lab(canvas.picture().astype(np.float32) / 255)[..., 1:]
    change = np.hypot(*(after - before).transpose(2, 0, 1))
    disk = np.hypot(*(np.mgrid[:240, :320] - np.array([120, 160])[:, None, None])) < 40
    assert change[disk].mean() > 25
    assert change[:, :40].mean() < 0.35 * change[disk].mean()


def test_the_later_of_two_hints_at_one_place_counts(canvas: Canvas) -> None:
    canvas.hint(160, 120, "red", radius=12)
    canvas.hint(161, 120, "blue", radius=12)
    again = canvas.picture()
    canvas.clear()
    canvas.hint(161, 120, "blue", radius=12)
    found = canvas.wanted()[len(canvas.wanted()) // 2]
    assert distance(lab_at(canvas, 161, 120), found) < 2
    assert (
        np.abs(again[118:123, 159:164].astype(int) - canvas.picture()[118:123, 159:164]).max() < 9
    )


def test_clearing_forgets(canvas: Canvas) -> None:
    automatic = canvas.picture()
    canvas.stroke([(20, 20), (200, 30)], "teal", radius=5)
    assert not np.array_equal(canvas.picture(), automatic)
    canvas.clear()
    np.testing.assert_array_equal(canvas.picture(), automatic)


def test_a_stroke_holds_along_its_whole_length(canvas: Canvas) -> None:
    canvas.stroke([(40, 60), (40, 200), (150, 215)], "seagreen")
    for x, y in ((40, 70), (40, 150), (100, 208)):
        lab = lab_at(canvas, x, y)
        assert lab[1] < -15, (x, y, lab)


def test_a_stroke_touches_what_lies_between_its_corners_and_nothing_else(canvas: Canvas) -> None:
    """Under a stroke two hints of other colors are forgotten, beside it one is not."""
    for x in (60, 160, 260):
        canvas.hint(x, 40, "red")
    canvas.stroke([(20, 40), (200, 40)], "seagreen")
    red = [lab_at(canvas, x, 40)[1] > 15 for x in (60, 160, 260)]
    assert red == [False, False, True]


def test_points_may_be_an_array_or_come_one_by_one(canvas: Canvas) -> None:
    points = [(20.0, 40.0), (200.0, 60.0)]
    said = []
    for given in (points, np.array(points), iter(points)):
        canvas.clear()
        canvas.stroke(given, "green")
        said.append(canvas.wanted())
    np.testing.assert_array_equal(said[1], said[0])
    np.testing.assert_array_equal(said[2], said[0])


def test_points_outside_a_narrow_picture_are_not_made() -> None:
    step = np.array([1 / 32, 40], np.float32)  # of a picture of a single row
    points = _spots(np.array([[0.5, 2500]], np.float32), 5000.0, step, (32, 128))
    assert len(points) <= 65 * 257


def test_many_points_are_thinned_out(canvas: Canvas) -> None:
    for x in range(20, 320, 40):
        canvas.hint(x, 120, "olive", radius=60)
    assert 0 < len(canvas.wanted()) <= 600
    assert canvas.preview().shape == (240, 320, 3)


def test_what_cannot_be_that_vivid_is_said_and_keeps_its_hue(colorizer: Colorizer) -> None:
    canvas = colorizer.open(np.full((64, 64), 235, np.uint8))
    note = canvas.hint(30, 30, "blue")
    assert note is not None
    assert note.startswith("blue is not that vivid at this lightness: it becomes #")
    blue = color.rgb_to_lab(np.array([0, 0, 1], np.float32))
    a, b = canvas.wanted()[0]
    assert np.arctan2(b, a) == pytest.approx(np.arctan2(blue[2], blue[1]), abs=0.1)
    assert canvas.hint(30, 30, "#ebebeb") is None


@pytest.mark.parametrize(
    ("point", "name", "radius", "text"),
    [
        ((-1, 5), "red", 0, "-1, 5 is outside the picture of 320 x 240 pixels"),
        ((5, 241), "red", 0, "5, 241 is outside the picture of 320 x 240 pixels"),
        ((float("nan"), 5), "red", 0, "nan, 5 is outside"),
        ((5, 5), "grean", 0, "'grean': not a color"),
        ((5, 5), "red", -1, "radius must be between 0 and 320, not -1"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    canvas: Canvas, point: tuple[float, float], name: str, radius: float, text: str
) -> None:
    with pytest.raises(OptionError, match=text) as caught:
        canvas.hint(*point, name, radius)
    assert "\n" not in str(caught.value)
    assert not len(canvas.wanted())
    with pytest.raises(OptionError, match="at least one point"):
        canvas.stroke([], "red")
    with pytest.raises(OptionError, match="at least 1 pixel, not 0"):
        canvas.preview(0)
    with pytest.raises(OptionError, match="pairs of numbers, x and y"):
        canvas.stroke([5, 5], "red")


def test_confidence_rises_at_hints_and_falls_nowhere(canvas: Canvas) -> None:
    _, before = canvas.colors()
    canvas.hint(160, 120, "gold")
    _, after = canvas.colors()
    assert (after >= before - 1e-5).all()
    row, column = before.shape[0] // 2, before.shape[1] // 2
    assert after[row, column] > max(0.9, before[row, column])


def test_suggestions_are_likely_colors_at_that_lightness(canvas: Canvas) -> None:
    found = canvas.suggest(160, 120, n=4)
    assert 1 <= len(found) <= 4
    shares = [one.probability for one in found]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-5
    for one in found:
        rgb = np.array([int(one.code[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
        assert color.rgb_to_luma(rgb) == pytest.approx(200 / 255, abs=0.01)
    with pytest.raises(OptionError, match="outside"):
        canvas.suggest(400, 10)


def test_the_next_place_is_elsewhere_once_its_color_is_known(canvas: Canvas) -> None:
    first = canvas.where()
    assert 0 < first[0] < 320
    assert 0 < first[1] < 240
    canvas.hint(*first, "sienna")
    second = canvas.where()
    assert np.hypot(first[0] - second[0], first[1] - second[1]) > 20


def test_a_preview_is_small_and_has_the_same_colors(colorizer: Colorizer) -> None:
    canvas = colorizer.open(gray_picture(1600, 1200))
    canvas.hint(800, 600, "purple", radius=40)
    small = canvas.preview(pixels=120_000)
    assert small.shape == (300, 400, 3)
    whole = canvas.picture()[2::4, 2::4]
    assert np.abs(whole.astype(int) - small).mean() < 2


def test_the_result_is_of_the_kind_that_was_opened(colorizer: Colorizer, photo: Path) -> None:
    canvas = colorizer.open(photo)
    canvas.hint(10, 10, "navy")
    result = canvas.picture()
    assert isinstance(result, Picture)
    assert result.colored_by == "nano"
    deep = colorizer.open(gray_picture().astype(np.uint16) * 257)
    deep.hint(10, 10, "navy")
    assert deep.picture().dtype == np.uint16


def test_a_model_without_a_branch_takes_no_hints(tmp_path: Path) -> None:
    alone = tmp_path / "alone.onnx"
    shutil.copy(model_path("nano"), alone)
    with pytest.raises(ModelError, match=r"alone\.onnx: takes no hints: alone-hints\.onnx is not"):
        Colorizer(alone, threads=1).open(gray_picture())
    shutil.copy(model_path("nano"), hints_path(alone))
    with pytest.raises(ModelError, match="not a branch for hints"):
        Colorizer(alone, threads=1).open(gray_picture())
    other = tmp_path / "other.onnx"
    shutil.copy(model_path("base"), other)
    shutil.copy(hints_path(model_path("nano")), hints_path(other))
    with pytest.raises(ModelError, match="trained behind other weights"):
        Colorizer(other, threads=1).open(gray_picture())


def in_color() -> np.ndarray:
    """The gray picture in color: the disk is blue, everything else is orange."""
    gray = gray_picture().astype(np.float32)[..., None]
    tint = np.where(gray == 200, [-40, -10, 50], [40, -8, -60])
    return (gray + tint).clip(0, 255).astype(np.uint8)


def test_a_reference_gives_its_colors(colorizer: Colorizer) -> None:
    canvas = colorizer.open(gray_picture())
    before = canvas.picture()
    truth = color.rgb_to_lab(in_color().astype(np.float32) / 255)[..., 1:]

    def error(picture: np.ndarray) -> float:
        ab = color.rgb_to_lab(picture.astype(np.float32) / 255)[..., 1:]
        return float(np.hypot(*np.moveaxis(ab - truth, -1, 0)).mean())

    canvas.reference(in_color())
    after = canvas.picture()
    assert error(after) < error(before) / 2
    luma = color.rgb_to_luma(after.astype(np.float32) / 255) * 255
    assert np.abs(luma - gray_picture()).max() <= 1
    canvas.hint(160, 60, "#2e7d32")
    assert distance(lab_at(canvas, 160, 60), canvas.wanted()[0]) < 2
    canvas.clear()
    np.testing.assert_array_equal(canvas.picture(), before)


@pytest.mark.parametrize("kind", ["uint16", "float", "PIL", "path"])
def test_a_reference_is_a_picture_of_any_kind(
    colorizer: Colorizer, kind: str, tmp_path: Path
) -> None:
    rgb = in_color()
    Image.fromarray(rgb).save(tmp_path / "reference.png")
    kinds = {
        "uint16": rgb.astype(np.uint16) * 257,
        "float": rgb.astype(np.float32) / 255,
        "PIL": Image.fromarray(rgb),
        "path": tmp_path / "reference.png",
    }
    canvas, wanted = colorizer.open(gray_picture()), colorizer.open(gray_picture())
    canvas.reference(kinds[kind])
    wanted.reference(rgb)
    # Gray values rounded to 8 bits or not choose other places here and there.
    assert np.abs(canvas.colors()[0] - wanted.colors()[0]).mean() < 0.1


def test_a_reference_that_is_held_as_planes(colorizer: Colorizer) -> None:
    picture = colorizer(Path(__file__).parents[2] / "examples/tetons-1942.jpg", vividness=1)
    assert picture.chroma is not None
    canvas, wanted = colorizer.open(gray_picture()), colorizer.open(gray_picture())
    canvas.reference(picture)
    wanted.reference(picture.array)
    np.testing.assert_array_equal(canvas.colors()[0], wanted.colors()[0])


def test_a_gray_reference_is_refused(colorizer: Colorizer) -> None:
    canvas = colorizer.open(gray_picture())
    toned = (gray_picture()[..., None] * np.array([1, 0.9, 0.7])).astype(np.uint8)
    for picture in (gray_picture(), toned):
        with pytest.raises(InputError, match="this picture is gray"):
            canvas.reference(picture)


def test_an_area_gets_its_color(canvas: Canvas) -> None:
    before = canvas.preview().astype(float)
    y, x = np.mgrid[:240, :320]
    disk = np.hypot(x - 160, y - 120) < 40
    assert canvas.area(disk, "#2e7d32") is None
    after = canvas.preview().astype(float)
    assert (after[disk][:, 1] - after[disk][:, 0]).mean() > 30
    changed = np.abs(after - before).mean(axis=-1)
    assert changed[disk].mean() > 2 * changed[np.hypot(x - 160, y - 120) > 110].mean()


def test_a_small_area_counts_too(canvas: Canvas) -> None:
    mask = np.zeros((240, 320), np.float32)
    mask[120, 160] = 1
    canvas.area(mask, "red")
    assert canvas.wanted().shape == (1, 2)


@pytest.mark.parametrize(
    ("mask", "message"),
    [(np.zeros((240, 320), bool), "marks nothing"), (np.ones((10, 10)), "shape .10, 10.")],
)
def test_a_mask_that_says_nothing(canvas: Canvas, mask: np.ndarray, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        canvas.area(mask, "red")
