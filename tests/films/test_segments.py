"""Segments of a film: what the index says of them, and where a film in equal steps puts frames."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from films import Film, make_film
from tinct.films import join
from tinct.films.encoder import EncoderChoice, plan_encoder
from tinct.films.reader import FilmReader
from tinct.films.segments import Segment, SegmentEncoder

_TICK, _STEP = Fraction(1, 1000), Fraction(1, 25)  # seconds


@pytest.mark.parametrize(
    "exact", [(True, True, True), (False, True, True), (True, False, True), (True, True, False)]
)
def test_a_segment_is_exact_if_every_frame_is(tmp_path: Path, exact: tuple[bool, ...]) -> None:
    facts = FilmReader(make_film(tmp_path / "in.mkv", Film(frames=2))).facts
    plan, _ = plan_encoder(facts, "matroska", EncoderChoice(), (64, 48))
    encoder = SegmentEncoder(plan)
    for number, is_exact in enumerate(exact):
        gray = np.full((48, 64), 40 * number, np.uint8)
        frame = VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
        encoder.add(frame, 70 + 40 * number, 39, is_exact)
    segment, packets = encoder.finish(None)
    assert segment == Segment(3, 70, 70 + 2 * 40 + 39, segment.delay, all(exact))
    assert packets.times.tolist() == [70, 110, 150]
    assert packets.is_key[0]


def test_a_rate_is_brought_to_what_a_codec_can_write(tmp_path: Path) -> None:
    facts = FilmReader(make_film(tmp_path / "in.mkv", Film(frames=2))).facts
    facts = replace(facts, rate=Fraction(45_690_000, 1_524_203))  # an average
    for codec in ("mpeg4", "libx264"):
        plan, _ = plan_encoder(facts, "mp4", EncoderChoice(codec), (64, 48))
        assert float(plan.rate) == pytest.approx(float(facts.rate), rel=1e-6)


@given(
    st.lists(st.integers(-2000, 20_000), min_size=1, max_size=30, unique=True),
    st.integers(1, 100),
)
def test_frames_in_equal_steps_keep_their_order(times: list[int], last: int) -> None:
    times.sort()
    line = join.Timeline(np.array(times), times[-1] + last, delay=2)
    placed, step, moved = join._in_slots(line, _TICK, _STEP)
    wanted = line.times * float(_TICK / _STEP)
    assert step == _STEP
    assert placed.delay == 0
    assert placed.times.min() >= 0
    assert (np.diff(placed.times) >= 1).all()
    assert placed.end > placed.times[-1]
    assert moved == np.count_nonzero(np.abs(placed.times - wanted) > 0.1)
    if min(np.diff(times), default=40) >= 40 and times[0] >= 0:  # there is room for all
        assert np.abs(placed.times - wanted).max() <= 1


def test_a_frame_before_zero_is_shown_at_zero() -> None:
    line = join.Timeline(np.array([-80, 40, 43, 160]), 200, delay=1)
    placed, _, moved = join._in_slots(line, _TICK, _STEP)
    assert placed.times.tolist() == [0, 1, 2, 4]
    assert placed.end == 5
    assert moved == 2
