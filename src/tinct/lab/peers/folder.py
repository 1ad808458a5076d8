"""A folder of pictures that some other program has colored."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from tinct import color
from tinct.color import Planes
from tinct.errors import InputError
from tinct.lab.data.collection import is_picture
from tinct.lab.data.dataset import read_rgb, square
from tinct.lab.evaluate.result import Fit


class ColoredFolder:
    """Colored pictures, found by the names of the photographs they were made from.

    The photograph ``val/0007.webp`` is matched by ``val/0007.png``, ``val_0007.png`` or
    ``0007.png``, in this order, with any suffix; the folders below the one given count as part of
    the name only in the first.
    """

    def __init__(self, folder: str | Path, fit: Fit = "crop") -> None:
        """List the pictures, in the folder and everything below.

        Args:
            folder: Where they are.
            fit: How they become squares, the same way as the truth.

        Raises:
            InputError: There are none.
        """
        self.folder = Path(folder)
        self.fit = fit
        self._paths: dict[str, list[Path]] = {}  # by each name that a photograph may have
        self._taken: dict[Path, str] = {}  # photographs that have got this picture
        for path in sorted(self.folder.rglob("*")):
            if is_picture(path.name) and path.is_file():
                inside = path.relative_to(self.folder).with_suffix("").as_posix()
                for name in {inside, path.stem}:
                    self._paths.setdefault(name, []).append(path)
        if not self._paths:
            raise InputError(f"{self.folder}: holds no pictures")

    def predict_ab(self, lightness: Planes, name: str) -> Planes:
        """Return a picture's ab, (size, size, 2), made square like the truth.

        Args:
            lightness: The truth's L*, (size, size).
            name: Of the photograph.

        Raises:
            InputError: There is no such picture, or it cannot be read.
        """
        rgb = square(self._read(name), lightness.shape[0], self.fit)
        return color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]

    def colorize(self, gray: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
        """Return a picture as it is, (H, W, 3) uint8.

        Raises:
            InputError: There is no such picture, it cannot be read, or has another size.
        """
        rgb = self._read(name)
        if rgb.shape[:2] != gray.shape:
            found, wanted = (f"{w}x{h}" for h, w in (rgb.shape[:2], gray.shape))
            raise InputError(f"{self.find(name)}: {found} pixels, but the photograph has {wanted}")
        return rgb

    def find(self, name: str) -> Path:
        """Return the picture made from a photograph.

        Raises:
            InputError: There is none, there are several, or it is that of another photograph too.
        """
        found = self._candidates(name)
        if not found:
            number = len({path for paths in self._paths.values() for path in paths})
            raise InputError(f"{self.folder}: no picture for {name} among its {number}")
        if len(found) > 1:
            raise InputError(f"{self.folder}: both {found[0]} and {found[1]} could be {name}")
        owner = self._taken.setdefault(found[0], name)
        if owner != name:
            raise InputError(f"{found[0]}: could be {owner} or {name}: keep the folders' names")
        return found[0]

    def _candidates(self, name: str) -> list[Path]:
        plain = PurePosixPath(name).with_suffix("")
        for key in (plain.as_posix(), plain.as_posix().replace("/", "_"), plain.name):
            if key in self._paths:
                return self._paths[key]
        return []

    def _read(self, name: str) -> NDArray[np.uint8]:
        path = self.find(name)
        try:
            return read_rgb(path.read_bytes(), str(path))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
