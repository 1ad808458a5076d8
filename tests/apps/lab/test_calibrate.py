"""``tinct lab calibrate`` and ``tinct lab robustness`` as they are called."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("skimage")
pytest.importorskip("matplotlib")

from tinct import Colorizer
from tinct.apps.commands.lab import robustness
from tinct.lab.data.degrade import CLEAN, names
from tinct.lab.train.begin import model_spec
from tinct.lab.train.precision import convert_model

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def one_thread():
    """As in a process of its own, where the command sees to it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def photographs(tmp_path) -> Path:
    """A folder of three soft pictures of many colors."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for seed in range(3):
        coarse = np.random.default_rng(seed).integers(40, 216, (4, 5, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((150, 130), Image.Resampling.BICUBIC)
        picture.save(folder / f"{seed}.png")
    return folder


def test_without_an_output_the_model_is_measured_as_it_is(call, photographs, tmp_path):
    code, said, _ = call("lab", "calibrate", "nano", photographs, "--report", "out")
    assert code == 0
    default = model_spec("nano").default_vividness
    assert f"| {default:g} (default) |" in said
    assert "3 photographs of" in said
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(written) == {"calibration-nano.md", "calibration-nano.png"}
    assert written["calibration-nano.md"].decode() in said
    assert written["calibration-nano.png"].startswith(b"\x89PNG")


def test_what_cannot_be_read_makes_the_exit_code_one(call, photographs):
    (photographs / "broken.png").write_bytes((photographs / "0.png").read_bytes()[:60])
    code, said, errors = call("lab", "calibrate", "nano", photographs)
    assert code == 1
    assert "3 photographs of" in said
    assert any("broken.png" in line for line in errors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.onnx", "photographs"], "none.onnx: no such model"),
        (["none.safetensors", "photographs"], "none.safetensors: no such checkpoint"),
        (["nano", "nowhere"], "nowhere: no such"),
        (["nano", "photographs", "-o", "no/model.onnx"], "there is no such folder"),
        (["nano", "photographs", "--seed", "1", "-o", "m.onnx", "--vivid-gain", "9"], "above gray"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(call, photographs, tmp_path, arguments, message):
    code, _, errors = call("lab", "calibrate", *arguments)
    assert code in (1, 2)
    assert message in errors[-1]
    assert not list(tmp_path.glob("**/*.onnx"))


def table_of(said):
    """CF share and PSNR of every vividness, (L, 2)."""
    rows = said.partition("## Vividness")[2].partition("## Confidence")[0].splitlines()[4:-1]
    return np.array([[float(cell) for cell in row.split("|")[2:4]] for row in rows])


@pytest.mark.slow
def test_the_file_is_read_as_chosen_and_stays_in_its_precision(call, photographs, tmp_path):
    convert_model(Path(inspect.getfile(Colorizer)).parents[1] / "weights" / "nano.onnx",
                  tmp_path / "half.onnx", "fp16-weights")  # fmt: skip
    wanted = ["--default-share", "0.3", "--vivid-share", "0.4", "--vivid-gain", "-9"]
    code, said, errors = call(
        "lab", "calibrate", "half.onnx", photographs, "-o", "new.onnx", *wanted
    )
    assert code == 0, errors
    spec = model_spec(str(tmp_path / "new.onnx"))
    facts = spec.provenance
    assert facts["precision"] == "fp16-weights"
    assert facts["calibration"]["photographs"] == 3
    assert facts["decode"]["confidence_scale"] != 20
    assert f"| {spec.default_vividness:g} (default) |" in said
    assert any(line.startswith("new.onnx: temperature ") for line in errors)
    old, new = ((tmp_path / name).stat().st_size for name in ("half.onnx", "new.onnx"))
    assert abs(new - old) < 0.02 * old
    # Measured again, the file does what the report said, but for weights in 16 bits.
    again = call("lab", "calibrate", "new.onnx", photographs)[1]
    assert np.abs(table_of(again) - table_of(said)).max() <= 0.02


def test_worn_photographs_are_compared_with_clean_ones(call, photographs, tmp_path):
    code, said, _ = call(
        "lab", "robustness", photographs, "--degrade", "blur,worn", "-o", "worn.md"
    )
    assert code == 0
    assert (tmp_path / "worn.md").read_text() in said
    for row in ("| clean | ", "| blur | ", "| worn | "):
        assert said.count(row) == 3
    assert "| gray | mean color |" in said


def test_an_unknown_degradation_is_one_line(call, photographs):
    code, _, errors = call("lab", "robustness", photographs, "--degrade", "rust")
    assert code == 2
    assert "no degradation 'rust'" in errors[-1]


def test_the_help_names_all_degradations():
    text = inspect.getsource(robustness)
    assert all(name in text for name in names() if name != CLEAN)


def test_a_seed_chooses_other_photographs_but_always_the_same(call, photographs):
    def digest(*options):
        said = call(
            "lab", "robustness", photographs, "--degrade", "blur", "--limit", "2", *options
        )[1]
        return said.partition("sha256 ")[2][:16]

    first = digest()
    seeded = [digest("--seed", str(seed)) for seed in range(6)]
    assert seeded == [digest("--seed", str(seed)) for seed in range(6)]
    assert {first} < set(seeded)
