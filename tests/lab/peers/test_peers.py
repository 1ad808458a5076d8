from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct import color
from tinct.errors import InputError, ModelError
from tinct.lab.data.dataset import square
from tinct.lab.peers import adapter as adapters
from tinct.lab.peers.adapter import PRESETS, load_adapter, preset
from tinct.lab.peers.folder import ColoredFolder
from tinct.lab.peers.onnx_file import OnnxFile

onnx = pytest.importorskip("onnx")


@pytest.fixture
def lightness():
    y, x = np.mgrid[:40, :56] / 40
    return (50 + 49 * np.sin(4 * x) * np.cos(3 * y)).astype(np.float32)


@pytest.fixture
def write_graph(tmp_path):
    """Writes a graph of a single 1x1 convolution: the smallest network that mixes channels."""

    def write(matrix, offset=0.0, *, size=(None, None), channels=None, name="net.onnx", nhwc=False):
        matrix = np.asarray(matrix, np.float32)
        outputs, inputs = matrix.shape
        helper, float_ = onnx.helper, onnx.TensorProto.FLOAT
        shape = [1, channels or inputs, *(side or f"side{axis}" for axis, side in enumerate(size))]
        weights = {"w": matrix[..., None, None], "b": np.full(outputs, offset, np.float32)}
        nodes = [helper.make_node("Conv", ["x", "w", "b"], ["y"])]
        if nhwc:
            shape = [shape[0], *shape[2:], shape[1]]
            nodes = [
                helper.make_node("Transpose", ["input"], ["x"], perm=[0, 3, 1, 2]),
                *nodes,
                helper.make_node("Transpose", ["y"], ["output"], perm=[0, 2, 3, 1]),
            ]
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("input" if nhwc else "x", float_, shape)],
            [helper.make_tensor_value_info("output" if nhwc else "y", float_, None)],
            [onnx.numpy_helper.from_array(array, key) for key, array in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.fixture
def write_adapter(tmp_path):
    def write(text, name="peer.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def adapter_text(input_='kind = "rgb"\nmultiple = 8', output='kind = "ab"', top=""):
    head = top or 'name = "peer"\nmodel = "net.onnx"'
    return f"{head}\n[input]\n{input_}\n[output]\n{output}\n"


def test_every_shipped_adapter_can_be_read():
    folder = Path(adapters.__file__).parent / "adapters"
    assert {path.stem for path in folder.glob("*.toml")} == set(PRESETS)
    for name in PRESETS:
        assert preset(name, "x.onnx").model == "x.onnx"
        assert tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))["name"] == name


def test_ddcolor_takes_neutral_rgb_in_0_to_1_and_answers_ab(write_graph, lightness):
    path = write_graph([[10, 20, 30], [-5, 0, -5]], size=(64, 64))
    ab = OnnxFile(preset("ddcolor", path)).predict_ab(lightness)
    assert ab.shape == (40, 56, 2)
    gray = color.lightness_to_luma(lightness)
    smooth = (slice(4, -4), slice(4, -4))  # away from the ends of the interpolation
    np.testing.assert_allclose(ab[smooth][..., 0], 60 * gray[smooth], atol=0.5)
    np.testing.assert_allclose(ab[smooth][..., 1], -10 * gray[smooth], atol=0.1)


def test_ddcolor_is_shown_512_pixels_where_the_graph_takes_any(write_graph, lightness):
    # Pooling over 512x512 pixels leaves one: nothing else of the picture can tell the size.
    path = write_graph([[1, 1, 1], [0, 0, 0]])
    model = onnx.load(path)
    pool = onnx.helper.make_node("AveragePool", ["y"], ["z"], kernel_shape=[512, 512])
    model.graph.node.append(pool)
    model.graph.output[0].name = "z"
    onnx.save(model, path)
    ab = OnnxFile(preset("ddcolor", path)).predict_ab(lightness)
    assert np.ptp(ab) == pytest.approx(ab[..., 0].max())
    mean = 3 * color.lightness_to_luma(lightness).mean()
    assert ab[..., 0].max() == pytest.approx(mean, rel=0.02)


def test_deoldify_takes_and_answers_rgb_in_0_to_255(write_graph):
    path = write_graph([[1, 0, 0], [0, 0.5, 0], [0, 0, 0.25]], size=(256, 256))
    lightness = np.full((32, 48), 60, np.float32)
    ab = OnnxFile(preset("deoldify", path)).predict_ab(lightness)
    gray = color.lightness_to_luma(lightness[:1, :1])[0, 0]
    rgb = np.float32([[gray, gray / 2, gray / 4]])
    np.testing.assert_allclose(ab[16, 24], color.rgb_to_lab(rgb)[0, 1:], atol=0.05)


def test_deoldify_that_answers_more_than_white_is_clipped(write_graph):
    path = write_graph(np.eye(3) * [[1], [9], [1]], size=(64, 64))
    ab = OnnxFile(preset("deoldify", path)).predict_ab(np.full((16, 16), 50, np.float32))
    gray = color.lightness_to_luma(np.float32([50]))[0]
    expected = color.rgb_to_lab(np.float32([gray, 1, gray]))[1:]
    np.testing.assert_allclose(ab[8, 8], expected, atol=0.05)


def test_lightness_mean_and_std_of_eccv16(write_graph, write_adapter, lightness):
    write_graph([[1], [-1]])
    text = adapter_text(
        'kind = "lightness"\nrange = 100\nmean = 50\nstd = 100\nmultiple = 8',
        'kind = "ab"\nstd = 110',
    )
    lightness = np.repeat(np.repeat(lightness[:32, :32], 8, 0), 8, 1)  # 256x256: nothing is resized
    ab = OnnxFile(load_adapter(write_adapter(text))).predict_ab(lightness)
    np.testing.assert_allclose(ab[..., 0], 1.1 * (lightness - 50), atol=1e-3)
    np.testing.assert_allclose(ab[..., 1], -ab[..., 0])


def test_channels_last_lab_and_a_mean_a_channel(write_graph, write_adapter):
    write_graph([[0, 0, 0], [1, 0, 0], [0, 0, 1]], nhwc=True, size=(16, 16))
    text = adapter_text(
        'kind = "rgb"\nmean = [0.5, 0, 0.25]\nstd = [0.5, 1, 2]\nlayout = "NHWC"',
        'kind = "lab"\nlayout = "NHWC"\nstd = 100\nmean = [0, 1, 2]',
    )
    lightness = np.full((16, 16), 70, np.float32)
    ab = OnnxFile(load_adapter(write_adapter(text))).predict_ab(lightness)
    gray = color.lightness_to_luma(lightness[:1, :1])[0, 0]
    expected = [100 * (gray - 0.5) / 0.5 + 1, 100 * (gray - 0.25) / 2 + 2]
    np.testing.assert_allclose(ab[3, 5], expected, rtol=1e-4)


def test_video_chroma_is_joined_to_the_grays_luma(write_graph, write_adapter):
    write_graph([[0], [0]], offset=0.1, size=(16, 16))
    text = adapter_text('kind = "gray"', 'kind = "cbcr"')
    lightness = np.full((16, 16), 60, np.float32)
    ab = OnnxFile(load_adapter(write_adapter(text))).predict_ab(lightness)
    luma = color.lightness_to_luma(lightness[:1, :1])
    rgb = color.luma_chroma_to_rgb(luma, np.full((1, 1, 2), 0.1, np.float32))
    np.testing.assert_allclose(ab[0, 0], color.rgb_to_lab(rgb)[0, 0, 1:], atol=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (adapter_text(top='name = "peer"'), r"lacks model, the path"),
        (adapter_text(top='model = "net.onnx"'), r"peer\.toml: lacks name"),
        ('name = "x"\n[input]\nkind = "rgb"', r"peer\.toml: lacks output"),
        (
            adapter_text('kind = "rgb"\nsizes = 8'),
            r"unknown key 'input\.sizes'; known are kind, layout",
        ),
        (
            adapter_text('kind = "bgr"'),
            r"input\.kind must be 'lightness', 'gray' or 'rgb', not 'bgr'",
        ),
        (adapter_text('kind = "rgb"\nsize = 2.5'), r"input\.size must be a whole number, not 2\.5"),
        (adapter_text('kind = "rgb"\nmean = "a"'), r"input\.mean\.0 must be a number, not 'a'"),
        (adapter_text('kind = "gray"\nmean = [1, 2, 3]'), r"mean has 3 numbers, but 1 channels"),
        (adapter_text('kind = "gray"\nstd = 0'), r"input\.std\.0: must not be 0"),
        (adapter_text('kind = "rgb"\nsize = -8'), r"input\.size must be greater than 0, not -8"),
        (adapter_text('kind = "rgb"\nrange = 0'), r"input\.range: must not be 0"),
        (adapter_text('kind = "rgb"\nmean = []'), r"input\.mean is empty"),
        (adapter_text('kind = "rgb"\nsize = 8\nmultiple = 8'), r"either size or multiple"),
        (adapter_text(output='kind = "ab"\nrange = 255'), r"range is that of rgb, not of ab"),
        ("name = ", r"peer\.toml: not a TOML file: "),
    ],
)
def test_a_senseless_adapter_is_one_clear_line(write_adapter, text, message):
    with pytest.raises(ModelError, match=message) as caught:
        load_adapter(write_adapter(text))
    assert "\n" not in str(caught.value)
    assert "peer.toml" in str(caught.value)


def test_a_missing_adapter_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.toml: No such file"):
        load_adapter(tmp_path / "none.toml")


def test_graphs_that_do_not_fit_the_description_are_named(tmp_path, write_graph, lightness):
    with pytest.raises(ModelError, match=r"none\.onnx: no such file"):
        OnnxFile(preset("ddcolor", str(tmp_path / "none.onnx")))
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"bad\.onnx: not a model that ONNX Runtime can load"):
        OnnxFile(preset("ddcolor", str(tmp_path / "bad.onnx")))
    with pytest.raises(ModelError, match=r"net\.onnx: takes 1 channels, not 3 \(rgb\)"):
        OnnxFile(preset("ddcolor", write_graph([[1], [1]])))
    graph = OnnxFile(preset("deoldify", write_graph([[1, 1, 1], [1, 1, 1]], size=(16, 16))))
    message = r"net\.onnx: answers \(1, 2, 16, 16\), not 3 channels \(rgb\) as NCHW"
    with pytest.raises(ModelError, match=message):
        graph.predict_ab(lightness)


def test_a_graph_of_any_size_needs_a_size(write_graph, write_adapter):
    write_graph([[1, 1, 1], [1, 1, 1]])
    with pytest.raises(ModelError, match=r"takes any size: its adapter lacks size or multiple"):
        OnnxFile(load_adapter(write_adapter(adapter_text('kind = "rgb"'))))


def test_a_graph_with_two_inputs_is_refused(write_graph):
    path = write_graph([[1, 1, 1], [1, 1, 1]])
    model = onnx.load(path)
    hints = onnx.helper.make_tensor_value_info("hints", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    model.graph.input.append(hints)
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"has 2 inputs \(x, hints\), not one"):
        OnnxFile(preset("ddcolor", path))


def save(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)


def test_pictures_are_found_by_the_names_of_the_photographs(tmp_path, make_rgb):
    save(tmp_path / "c" / "a" / "1.png", make_rgb(0))
    save(tmp_path / "c" / "b" / "1.png", make_rgb(1))
    save(tmp_path / "c" / "b_2.bmp", make_rgb(2))
    save(tmp_path / "c" / "3.PNG", make_rgb(3))
    folder = ColoredFolder(tmp_path / "c")
    names = {"a/1.webp": 0, "b/1.webp": 1, "b/2.jpg": 2, "deep/er/3.jpg": 3}
    for name, number in names.items():
        gray = np.zeros((40, 56), np.uint8)
        np.testing.assert_array_equal(folder.colorize(gray, name), make_rgb(number))


def test_pictures_that_could_be_two_photographs_are_refused(tmp_path, make_rgb):
    save(tmp_path / "a" / "1.png", make_rgb(0))
    save(tmp_path / "b" / "1.png", make_rgb(1))
    save(tmp_path / "2.png", make_rgb(1))
    folder = ColoredFolder(tmp_path)
    with pytest.raises(InputError, match=r"both .*a/1\.png and .*b/1\.png could be 1\.webp"):
        folder.find("1.webp")
    assert folder.find("x/2.webp") == folder.find("x/2.webp") == tmp_path / "2.png"
    with pytest.raises(InputError, match=r"2\.png: could be x/2\.webp or y/2\.webp"):
        folder.find("y/2.webp")


def test_missing_and_broken_pictures_are_named(tmp_path, make_rgb):
    with pytest.raises(InputError, match="holds no pictures"):
        ColoredFolder(tmp_path)
    save(tmp_path / "1.png", make_rgb(0))
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes()[:99])
    folder = ColoredFolder(tmp_path)
    gray = np.zeros((40, 56), np.uint8)
    with pytest.raises(InputError, match=r"no picture for deep/7\.webp among its 2"):
        folder.colorize(gray, "deep/7.webp")
    with pytest.raises(InputError, match=r"2\.png: "):
        folder.colorize(gray, "2.webp")


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_a_colored_picture_becomes_a_square_like_the_truth(tmp_path, make_rgb, fit):
    rgb = make_rgb(4, 90, 150)
    save(tmp_path / "p.png", rgb)
    ab = ColoredFolder(tmp_path, fit).predict_ab(np.zeros((64, 64), np.float32), "p.jpg")
    expected = color.rgb_to_lab(square(rgb, 64, fit) / np.float32(255))[..., 1:]
    np.testing.assert_allclose(ab, expected, atol=1e-4)


def test_a_colored_picture_of_another_size_is_refused_in_the_product_protocol(tmp_path, make_rgb):
    save(tmp_path / "p.png", make_rgb(4, 90, 150))
    with pytest.raises(InputError, match=r"p\.png: 150x90 pixels, but the photograph has 200x120"):
        ColoredFolder(tmp_path).colorize(np.zeros((120, 200), np.uint8), "p.jpg")
