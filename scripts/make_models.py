"""Writes dist/models/tinct-NAME for each network: model files, exports, and a card for the Hub.

scripts/models runs this in an environment that has the extra ``export``.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from tinct.lab.exports.export import TARGETS, export_model_to
from tinct.lab.markdown import markdown_table
from tinct.runtime import Session, model_path
from tinct.runtime.session import hints_path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "dist" / "models"
RESULTS = ROOT / "docs" / "results" / "evaluation-real.md"
METRICS = {"PSNR RGB dB": "psnr", "CIEDE2000": "ciede2000", "LPIPS": "lpips"}  # column: its type
SECTIONS = ("What they are good for, and what not", "Bias")
FOLDERS = {
    "onnx": "plain",  # onnx/ has the model files themselves
    "openvino": "openvino",
    "ncnn": "ncnn",
    "litert": "litert",
    "coreml": "coreml",
}
NOTES = {
    "onnx": "the model files of tinct: features, colors and confidence, any size",
    "plain": "the same without decoding, for runtimes and converters that compute in 16 bits",
    "openvino": "OpenVINO, decoding included, any size",
    "ncnn": "ncnn, without decoding, any size",
    "litert": "LiteRT (TensorFlow Lite), without decoding, of one size",
    "coreml": "Core ML, without decoding, of one size; made on Linux and never run on Apple's",
}


def measured(name: str) -> dict[str, float]:
    """Return the metrics of a network at its own vividness, by the name of the column."""
    lines = RESULTS.read_text("utf-8").splitlines()
    head = next(line for line in lines if line.startswith("| |") and "PSNR RGB dB" in line)
    row = next(line for line in lines if re.match(rf"\| {name}, vividness .*\(default\)", line))
    columns, cells = ([cell.strip() for cell in line.split("|")] for line in (head, row))
    values = dict(zip(columns, cells, strict=True))
    return {column: float(values[column].split()[0]) for column in METRICS}


def front_matter(name: str, metrics: dict[str, float]) -> str:
    """Return what the Hub reads of a card, as YAML."""
    results = [
        EvalResult(
            task_type="image-to-image",
            task_name="Colorization",
            dataset_type="photographs",
            dataset_name="240 photographs as people have them, 256x256, protocol lab of tinct",
            metric_type=METRICS[column],
            metric_name=column,
            metric_value=value,
        )
        for column, value in metrics.items()
    ]
    return ModelCardData(
        license="apache-2.0",
        library_name="onnx",
        pipeline_tag="image-to-image",
        tags=["colorization", "black-and-white", "onnx", "openvino", "ncnn", "tflite", "coreml"],
        metrics=list(METRICS.values()),
        model_name=f"tinct-{name}",
        eval_results=results,
    ).to_yaml()


def section(title: str) -> str:
    """Return a section of MODEL_CARD.md, links replaced by their text."""
    text = (ROOT / "MODEL_CARD.md").read_text("utf-8")
    (body,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", body).strip()
    return f"## {title}\n\n{plain}"


def card(name: str, folder: Path) -> str:
    """Return the card of a network whose files are there already."""
    spec, metrics = Session(name).spec, measured(name)
    rows = []
    for kind, note in NOTES.items():
        files = [path for path in (folder / kind).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        rows.append([f"`{kind}/`", note, f"{size / 1e6:.2f}"])
    parts = [
        f"---\n{front_matter(name, metrics)}\n---",
        f"# tinct-{name}",
        f"Colors gray photographs and films: from L* (0 to 100) to the colors a and b of CIE Lab, "
        f"{spec.parameters:,} parameters. Photographs are shown to it with a short side of "
        f"{spec.short_side} pixels, both sides multiples of {spec.multiple}; a and b come at 1/"
        f"{spec.stride} of that size and are enlarged along the edges of the full-size gray. The "
        "colors are plausible, not true; say that they were colored when you show them.",
        "## Files",
        markdown_table(["folder", "what", "MB"], rows, num_texts=2),
        f"Beside the network lies its branch for hints, `{name}-hints`. Files of other runtimes "
        "answer as ONNX Runtime does, which was checked when they were made. Where decoding is "
        f"left out, `{name}.json` has all that it takes, and docs/exports.md of tinct the formula.",
        "## Measured",
        markdown_table(["", *metrics], [[name, *(f"{value:g}" for value in metrics.values())]]),
        "240 photographs as people have them, 256x256, at the vividness that is used where the "
        f"user names none ({spec.default_vividness:g}).",
        *(section(title) for title in SECTIONS),
    ]
    return "\n\n".join(parts) + "\n"


def make(name: str) -> Path:
    """Make the folder of a network."""
    folder = PLACE / f"tinct-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "onnx").mkdir(parents=True)
    for path in (model_path(name), hints_path(model_path(name))):
        shutil.copyfile(path, folder / "onnx" / path.name)
    for target in TARGETS:
        made = export_model_to(target, name, folder / FOLDERS[target])
        told = "not run" if made.difference is None else f"{made.difference:.1g}"
        print(f"{name}: {target}, difference from ONNX Runtime: {told}")
    (folder / "README.md").write_text(card(name, folder), "utf-8")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    return folder


if __name__ == "__main__":
    for model in sys.argv[1:] or ("nano", "base"):
        print(make(model))
