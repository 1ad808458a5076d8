"""Where model files are found: the ones inside the package by name, others by path."""

from __future__ import annotations

from pathlib import Path

from tinct.errors import ModelError
from tinct.spec import MODEL_FOLDER


def model_names() -> list[str]:
    """Return the names of the models inside the package."""
    return sorted(path.stem for path in MODEL_FOLDER.glob("*.onnx"))


def model_path(model: str | Path) -> Path:
    """Return the file of a model.

    Args:
        model: Name of a model inside the package, or path of an ONNX file.

    Raises:
        ModelError: There is no such model.
    """
    if isinstance(model, str) and model in model_names():
        return MODEL_FOLDER / f"{model}.onnx"
    path = Path(model)
    if path.suffix == ".safetensors":
        raise ModelError(
            f"{path}: a checkpoint of training, not a model: tinct lab export {path} -o "
            f"{path.stem}.onnx makes one of it"
        )
    if path.is_file():
        return path
    names = ", ".join(model_names())
    raise ModelError(f"{model}: no such model; in the package are: {names}; or name an ONNX file")
