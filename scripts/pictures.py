"""Draw the pictures of README from what ``scripts/demo`` has colored.

    scripts/demo && .venv-demo/bin/python scripts/pictures.py

writes ``docs/images/examples.jpg``, each photograph in gray and in color, and
``docs/images/film.webp``, the film in gray and in color, moving.
"""

from __future__ import annotations

from pathlib import Path

import av
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
GIVEN, COLORED, IMAGES = ROOT / "examples", ROOT / "demo-output", ROOT / "docs" / "images"
ROWS = (
    ("farm-workers-1943", "migrant-mother-1936"),
    ("broadway-saratoga-1900-1915", "louis-armstrong-1946"),
)
FILM = "tetons-pan.mp4"
WIDTH, GAP = 1600, 8  # pixels
FILM_SIZE = (400, 225)  # pixels, of each half
FILM_STEP = 3  # every third frame is shown: 8 a second


def beside(pictures: list[Image.Image], gap: int) -> Image.Image:
    """Put pictures of one height side by side, white between them."""
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, pictures[0].height), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + gap
    return sheet


def row_of_pairs(names: tuple[str, ...]) -> Image.Image:
    """Return a row, ``WIDTH`` pixels wide, of each photograph in gray and in color."""
    pairs = []
    for name in names:
        for folder in (GIVEN, COLORED):
            with Image.open(folder / f"{name}.jpg") as picture:
                pairs.append(picture.convert("L" if folder is GIVEN else "RGB"))
    ratios = [picture.width / picture.height for picture in pairs]
    height = round(WIDTH / sum(ratios))
    resized = [
        picture.resize((round(ratio * height), height), Image.Resampling.LANCZOS)
        for picture, ratio in zip(pairs, ratios, strict=True)
    ]
    return beside(resized, 2).resize((WIDTH, height), Image.Resampling.LANCZOS)


def draw_photographs() -> None:
    """Write ``examples.jpg``."""
    rows = [row_of_pairs(names) for names in ROWS]
    sheet = Image.new("RGB", (WIDTH, sum(row.height for row in rows) + GAP), "white")
    sheet.paste(rows[0], (0, 0))
    sheet.paste(rows[1], (0, rows[0].height + GAP))
    sheet.save(IMAGES / "examples.jpg", quality=85, optimize=True)


def frames_of(path: Path) -> list[Image.Image]:
    """Return the frames that are shown of a film, at the size they are shown."""
    with av.open(path) as container:
        return [
            frame.to_image(width=FILM_SIZE[0], height=FILM_SIZE[1], interpolation="AREA")
            for number, frame in enumerate(container.decode(video=0))
            if number % FILM_STEP == 0
        ]


def draw_film() -> None:
    """Write ``film.webp``, there and back, so that it has no jump."""
    halves = zip(frames_of(GIVEN / FILM), frames_of(COLORED / FILM), strict=True)
    frames = [beside([gray, colored], 2) for gray, colored in halves]
    frames += frames[-2:0:-1]
    frames[0].save(
        IMAGES / "film.webp",
        save_all=True,
        append_images=frames[1:],
        duration=1000 * FILM_STEP // 24,
        loop=0,
        quality=65,
        method=4,
    )


if __name__ == "__main__":
    draw_photographs()
    draw_film()
