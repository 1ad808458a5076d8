"""The filter in VapourSynth: the planes of ``tinct video``, in any order of requests."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tinct.apps.cli import main

vs = pytest.importorskip("vapoursynth", reason="VapourSynth is not installed")

ROOT = Path(__file__).parents[2]
FILM = ROOT / "examples" / "tetons-pan.mp4"
FRAMES = 24
CUT = 13
"""Frames of the first scene of a film of two."""
KEY_FRAMES = {3: (1, 0.8, 0.4), 9: (0.5, 0.9, 1), 16: (1, 0.6, 0.9)}
"""Numbers from 0, and how much red, green and blue of gray their colors have."""

sys.path.insert(0, str(ROOT / "integrations" / "vapoursynth"))
from vapoursynth_tinct import colorize


def planes_of(path, pix_fmt):
    """Luma, or luma and chroma, of every frame, as they are stored."""
    found = []
    with av.open(path) as film:
        for frame in film.decode(video=0):
            assert frame.format.name == pix_fmt
            flat = frame.to_ndarray()
            rows, columns = frame.height, frame.width
            if pix_fmt.startswith("gray"):
                found.append((flat,))
                continue
            half = rows // 2 * (columns // 2)
            chroma = flat[rows:].reshape(-1)
            shape = rows // 2, columns // 2
            found.append((flat[:rows], chroma[:half].reshape(shape), chroma[half:].reshape(shape)))
    return found


@pytest.fixture(scope="module", params=["gray", "gray10le"])
def film(request, tmp_path_factory):
    """The beginning of a film, without loss, and what ``tinct video`` makes of it."""
    folder = tmp_path_factory.mktemp("film")
    source, colored = folder / "gray.mkv", folder / "colored.mkv"
    with av.open(FILM) as given, av.open(source, "w") as made:
        (old,) = given.streams.video
        stream = made.add_stream("ffv1", rate=old.average_rate)
        stream.width, stream.height, stream.pix_fmt = old.width, old.height, request.param
        for number, frame in enumerate(given.decode(video=0)):
            if number == FRAMES:
                break
            made.mux(stream.encode(frame.reformat(format=request.param)))
        made.mux(stream.encode(None))
    output = "yuv420p" if request.param == "gray" else "yuv420p10le"
    arguments = ["-o", str(colored), "--codec", "ffv1", "--pix-fmt", output]
    assert main(["video", str(source), *arguments]) == 0
    return planes_of(source, request.param), planes_of(colored, output)


def tinted(luma, number):
    """A picture of a frame in the color of its key frame."""
    return np.rint(luma[..., None] * np.array(KEY_FRAMES[number])).astype(np.uint8)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A film of two scenes, three key frames, and what ``tinct video`` makes of them."""
    folder = tmp_path_factory.mktemp("scenes")
    source, colored = folder / "gray.mkv", folder / "colored.mkv"
    with av.open(FILM) as given, av.open(source, "w") as made:
        (old,) = given.streams.video
        stream = made.add_stream("ffv1", rate=old.average_rate)
        stream.width, stream.height, stream.pix_fmt = old.width, old.height, "gray"
        for number, frame in zip(range(FRAMES), given.decode(video=0), strict=False):
            luma = frame.to_ndarray(format="gray")
            turned = np.ascontiguousarray(luma if number < CUT else luma[::-1, ::-1])
            shown = av.VideoFrame.from_ndarray(turned, "gray")
            shown.color_range = 2
            made.mux(stream.encode(shown))
        made.mux(stream.encode(None))
    gray = planes_of(source, "gray")
    arguments = ["-o", str(colored), "--codec", "ffv1", "--pix-fmt", "yuv420p"]
    for number in KEY_FRAMES:
        path = folder / f"frame{number}.png"
        Image.fromarray(tinted(gray[number][0], number)).save(path)
        arguments += ["--key-frame", f"{number + 1}={path}"]
    assert main(["video", str(source), *arguments]) == 0
    return gray, planes_of(colored, "yuv420p"), folder


def clip_of(frames, format):
    """A clip of planes in memory."""
    height, width = frames[0][0].shape
    blank = vs.core.std.BlankClip(format=format, width=width, height=height, length=len(frames))

    def fill(n, f):
        made = f.copy()
        for plane, samples in enumerate(frames[n]):
            np.copyto(np.asarray(made[plane]), samples)
        made.props["_Range"] = vs.RANGE_FULL
        return made

    return vs.core.std.ModifyFrame(blank, blank, fill)


def read(frame):
    return [np.array(frame[plane]) for plane in range(frame.format.num_planes)]


def format_of(frames):
    return vs.GRAY8 if frames[0][0].dtype == np.uint8 else vs.GRAY10


def assert_same(frame, planes):
    for ours, wanted in zip(read(frame), planes, strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_planes_are_those_of_tinct_video(film):
    gray, colored = film
    assert len(gray) == len(colored) == FRAMES
    clip = colorize(clip_of(gray, format_of(gray)), "nano", full_range=True)
    assert clip.format.color_family == vs.YUV
    assert clip.format.bits_per_sample == (8 if gray[0][0].dtype == np.uint8 else 10)
    for frame, planes in zip(clip.frames(), colored, strict=True):
        assert_same(frame, planes)


def test_the_order_of_requests_does_not_matter(film):
    gray, colored = film
    clip = colorize(clip_of(gray, format_of(gray)))
    for number in (17, 3, 23, 0, 11):
        assert_same(clip.get_frame(number), colored[number])


def test_with_key_frames_planes_are_those_of_tinct_video(scenes):
    gray, colored, folder = scenes
    key_frames = {number: folder / f"frame{number}.png" for number in KEY_FRAMES}
    clip = colorize(clip_of(gray, vs.GRAY8), key_frames=key_frames)
    for frame, planes in zip(clip.frames(), colored, strict=True):
        assert_same(frame, planes)
    automatic = list(colorize(clip_of(gray, vs.GRAY8)).frames())
    for number in (0, CUT - 1, CUT, FRAMES - 1):
        assert not np.array_equal(read(automatic[number])[1], colored[number][1])


def test_key_frames_color_frames_before_them_in_any_order_of_requests(scenes):
    gray, colored, _ = scenes
    key_frames = {
        number: clip_of([tuple(np.moveaxis(tinted(gray[number][0], number), -1, 0))], vs.RGB24)
        for number in KEY_FRAMES
    }
    clip = colorize(clip_of(gray, vs.GRAY8), key_frames=key_frames)
    for number in (13, 0, 22, 6, 12, 15):
        assert_same(clip.get_frame(number), colored[number])


def test_a_key_frame_of_something_else_is_noticed(scenes, caplog):
    gray, _, folder = scenes
    path = folder / "frame3.png"
    colorize(clip_of(gray, vs.GRAY8), key_frames={20: path})
    told = f"tinct: {path}: does not look like frame 20"
    assert caplog.record_tuples == [("vapoursynth", logging.WARNING, told)]


def test_chroma_that_is_there_is_made_anew_and_luma_kept():
    rng = np.random.default_rng(0)
    luma = rng.integers(16, 236, (96, 128), dtype=np.uint8)
    tinted = [(luma, np.full((96, 64), 90, np.uint8), np.full((96, 64), 150, np.uint8))] * 2
    made = read(colorize(clip_of(tinted, vs.YUV422P8), steady=False).get_frame(1))
    plain = read(
        colorize(clip_of([(luma,)] * 2, vs.GRAY8), steady=False, subsampling=(1, 0)).get_frame(1)
    )
    for one, other in zip(made, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(made[0], luma)
    assert np.ptp(made[1]) > 0


def test_frames_say_what_their_samples_mean():
    names = "_Matrix", "_Primaries", "_Transfer"
    gray = picture(vs.GRAY8)
    made = colorize(gray)
    props = made.get_frame(0).props
    assert [props[name] for name in (*names, "_Range")] == [6, 6, 6, vs.RANGE_LIMITED]
    made.resize.Bicubic(format=vs.RGB24).get_frame(0)
    tagged = gray.std.SetFrameProps(_Matrix=6, _Transfer=13)
    props = colorize(tagged, matrix=1, full_range=True).get_frame(0).props
    assert [props[name] for name in (*names, "_Range")] == [1, 1, 13, vs.RANGE_FULL]


def test_a_jump_far_ahead_does_not_color_all_before_it(monkeypatch):
    import vapoursynth_tinct

    seen = []
    predict = vapoursynth_tinct.FilmColorizer.predict
    monkeypatch.setattr(
        vapoursynth_tinct.FilmColorizer,
        "predict",
        lambda self, *arguments: seen.append(1) or predict(self, *arguments),
    )
    luma = np.random.default_rng(0).integers(16, 236, (64, 64), dtype=np.uint8)
    clip = colorize(clip_of([(luma,)] * 400, vs.GRAY8))
    clip.get_frame(399)
    assert len(seen) == vapoursynth_tinct.LOOK_BACK + 1


def picture(format, length=1):
    return vs.core.std.BlankClip(format=format, width=64, height=64, length=length)


@pytest.mark.parametrize(
    ("format", "options", "told"),
    [
        (vs.RGB24, {}, "only gray and YUV of 8 to 16 bits"),
        (vs.GRAYS, {}, "only gray and YUV of 8 to 16 bits"),
        (vs.GRAY8, {"matrix": 8}, "matrix 8 is none of BT.601, BT.709 and BT.2020"),
        (vs.GRAY8, {"model": "none"}, "none: no such model"),
        (vs.GRAY8, {"saturation": -1.0}, "saturation"),
        (vs.GRAY8, {"key_frames": {0: "none.png"}}, "none.png: no such file"),
        (
            vs.GRAY8,
            {"key_frames": {1: picture(vs.RGB24)}},
            "no frame 1, the last one is 0",
        ),
        (vs.GRAY8, {"key_frames": {0: picture(vs.RGB24)}}, "key frame 0: is gray"),
        (vs.GRAY8, {"key_frames": {0: picture(vs.YUV444P8)}}, "key frame 0: RGB24, RGB48 or RGBS"),
        (vs.GRAY8, {"key_frames": {0: picture(vs.RGBS, 2)}}, "key frame 0: 2 frames, where one"),
    ],
)
def test_what_cannot_be_used_is_one_line(format, options, told):
    with pytest.raises(vs.Error, match=told) as error:
        colorize(vs.core.std.BlankClip(format=format, width=64, height=64, length=1), **options)
    assert "\n" not in str(error.value)
