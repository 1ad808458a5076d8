"""Weights of published networks, as their authors saved them: from a file into one of ours.

Whatever its format, a file is read as arrays by name. A network says under which name and in which
layout the file holds each of its tensors; what is missing, unknown or of the wrong shape is named.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinct.errors import ModelError

Arrays = dict[str, NDArray[Any]]  # a file's weights by the names in it
Layout = Literal["torch", "tensorflow"]

HDF5_MAGIC = b"\x89HDF"
ZIP_MAGIC = b"PK"
MOST_NAMES = 3  # of those missing or unknown, in a message
PARALLEL_PREFIX = "module."  # torch's DataParallel puts it before every name
COUNTER = "num_batches_tracked"  # files from before torch 0.4.1 lack it, and nothing reads it here


def read_arrays(path: str | Path) -> Arrays:
    """Read the weights of a file, its format told by the contents.

    Args:
        path: A torch file (read without running anything in it), a safetensors file, a NumPy
            archive (.npz), or a Keras file (.h5).

    Returns:
        The arrays under the names that the file has for them; those of a Keras file as
        ``layer/variable``.

    Raises:
        ModelError: The file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(9)
        if head.startswith(HDF5_MAGIC):
            return _read_keras(path)
        if head.startswith(b"\x93NUMPY"):
            raise ModelError(f"{path}: a single array, not an archive (.npz) of weights")
        if head.startswith(ZIP_MAGIC) and _is_numpy_archive(path):
            return _read_numpy(path)
        return _read_safetensors(path) if head[8:] == b"{" else _read_torch(path)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or 'not a file of weights'}") from error


def load_weights(
    network: nn.Module,
    arrays: Arrays,
    names: Mapping[str, str],
    *,
    source: str,
    layout: Layout = "torch",
) -> None:
    """Put a file's weights into a network.

    Args:
        network: May be on torch's device "meta", which saves making weights only to replace them;
            it is on the CPU, with the file's weights and in evaluation mode, afterwards.
        arrays: The file's weights, see :func:`read_arrays`.
        names: The file's name of each of the network's tensors, by our name.
        source: What to say of the file in messages: its path and what it should hold.
        layout: Of convolution kernels: torch's (out, in, height, width) or TensorFlow's (height,
            width, in, out; in transposed convolutions, in both, out and in are exchanged).

    Raises:
        ModelError: Names or shapes are not those of the network.
    """
    needed = {name for name in names.values() if not name.endswith(COUNTER)}
    missing, unknown = needed - arrays.keys(), arrays.keys() - set(names.values())
    if missing or unknown:
        faults = [f"lacks {_listed(missing)}"] * bool(missing)
        faults += [f"has unknown {_listed(unknown)}"] * bool(unknown)
        raise ModelError(f"{source}: {'; '.join(faults)}")
    state = network.state_dict()
    for key, wanted in state.items():
        array = arrays.get(names.get(key, ""))
        if array is None:
            state[key] = torch.zeros(wanted.shape, dtype=wanted.dtype, device="cpu")
            continue
        shape = _file_shape(wanted, layout)
        if array.shape != shape:
            raise ModelError(f"{source}: {names[key]} has shape {array.shape}, not {shape}")
        state[key] = _to_torch(array, layout)
    network.load_state_dict(state, assign=True)
    network.eval()


def plain_names(arrays: Arrays) -> Arrays:
    """Take away the beginning that torch's DataParallel gives all names."""
    if not all(name.startswith(PARALLEL_PREFIX) for name in arrays):
        return arrays
    return {name.removeprefix(PARALLEL_PREFIX): array for name, array in arrays.items()}


def _listed(names: set[str]) -> str:
    first, rest = sorted(names)[:MOST_NAMES], len(names) - MOST_NAMES
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def _file_shape(tensor: Tensor, layout: Layout) -> tuple[int, ...]:
    is_kernel = tensor.ndim == 4 and layout == "tensorflow"
    return tuple(tensor.permute(2, 3, 1, 0).shape if is_kernel else tensor.shape)


def _to_torch(array: NDArray[Any], layout: Layout) -> Tensor:
    if array.ndim == 4 and layout == "tensorflow":
        array = array.transpose(3, 2, 0, 1)
    return torch.from_numpy(np.array(array, order="C"))


def _is_numpy_archive(path: str | Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        raise ModelError(f"{path}: a damaged archive of weights") from error


def _read_numpy(path: str | Path) -> Arrays:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: a damaged archive of weights") from error


def _read_safetensors(path: str | Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path}: a damaged safetensors file") from error


def _read_torch(path: str | Path) -> Arrays:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its readers of pickles and archives do
        raise ModelError(f"{path}: not a file of weights that torch can read") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ModelError(f"{path}: a torch file, but not a state dict: tensors by name")
    return {name: tensor.detach().numpy() for name, tensor in state.items()}


def _read_keras(path: str | Path) -> Arrays:
    """Read the variables of a Keras model; the optimizer's, in a group of their own, stay out."""
    import h5py

    arrays: Arrays = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            layer, variable = name.split("/")[-2:]
            arrays[f"{layer}/{variable.partition(':')[0]}"] = np.asarray(item)

    with h5py.File(path) as file:
        file.get("model_weights", file).visititems(keep)
    return arrays
