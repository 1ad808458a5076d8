import av
import numpy as np
import pytest

from tinct.errors import InputError
from tinct.lab.steadiness import clips as module
from tinct.lab.steadiness.clips import SHORT_SIDE, SIZE, make_clips, read_film

NUM_FRAMES = 12  # tests need fewer than measuring


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    photographs = [rng.integers(0, 256, (40, 60, 3), np.uint8), np.full((70, 50, 3), 90, np.uint8)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NUM_FRAMES", NUM_FRAMES)
        patch.setattr(module, "NOISY_FRAMES", NUM_FRAMES)
        return list(make_clips(photographs))


def of(clips, name):
    return next(clip for clip in clips if clip.name == name).frames


def test_there_is_a_film_of_each_kind_for_every_photograph(clips):
    names = [clip.name for clip in clips]
    assert names[::2] == ["noise", "pan", "zoom", "moving object", "cut", "flicker"]
    assert names[::2] == names[1::2]
    for clip in clips:
        assert len(clip.frames) == NUM_FRAMES
        assert {(frame.shape, frame.dtype.name) for frame in clip.frames} == {
            ((*SIZE[::-1], 3), "uint8")
        }


def test_noise_is_gray(clips):
    """It changes all channels alike, so that the true colors stay."""
    first, second = (frame.astype(int) for frame in of(clips, "noise")[:2])
    inside = (np.minimum(first, second) > 0) & (np.maximum(first, second) < 255)
    change = (second - first)[inside.all(-1)]
    assert change.std() > 10
    assert np.abs(change - change[:, :1]).max() <= 1  # rounding


def test_only_the_disc_moves(clips):
    frames = np.stack(of(clips, "moving object"))
    np.testing.assert_array_equal(frames[0], frames[-1])  # it is outside
    assert (frames == frames[0]).all(axis=(0, 3))[: SIZE[1] // 5].all()
    assert (frames[NUM_FRAMES // 2] != frames[0]).any(-1)[SIZE[1] // 2, SIZE[0] // 2]


def test_a_cut_shows_another_photograph(clips):
    frames = of(clips, "cut")
    assert frames[NUM_FRAMES // 2 - 1].std() > 20
    assert frames[NUM_FRAMES // 2].std() == 0


def test_flicker_and_its_flash_change_brightness_alone(clips):
    means = [frame.mean() for frame in of(clips, "flicker")]
    assert np.argmax(means) == NUM_FRAMES // 2
    assert np.std(means[: NUM_FRAMES // 2]) > 2


def test_one_photograph_makes_no_films():
    with pytest.raises(InputError, match="two photographs"):
        list(make_clips([np.zeros((8, 8, 3), np.uint8)]))


def write_film(path, count, size=(64, 48)):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        for index in range(count):
            pixels = np.full((*size[::-1], 3), (200, 60, 20 * index), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))


def test_a_film_is_read_in_color_at_the_size_of_measuring(tmp_path):
    write_film(tmp_path / "film.mkv", 5)
    clip = read_film(tmp_path / "film.mkv", limit=3)
    assert (clip.name, len(clip.frames)) == ("film", 3)
    assert clip.frames[0].shape == (SHORT_SIDE, 342, 3)
    assert np.abs(clip.frames[2].astype(int) - (200, 60, 40)).max() <= 4


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none.mkv", "No such file"), ("text.mkv", "Invalid data"), ("one.mkv", "two or more")],
)
def test_what_is_no_film_is_named(tmp_path, name, reason):
    (tmp_path / "text.mkv").write_text("no film")
    write_film(tmp_path / "one.mkv", 1)
    with pytest.raises(InputError, match=f"{name}.*{reason}"):
        read_film(tmp_path / name, limit=9)


def test_sound_alone_is_no_film(tmp_path):
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(InputError, match="no pictures"):
        read_film(tmp_path / "sound.wav", limit=9)
