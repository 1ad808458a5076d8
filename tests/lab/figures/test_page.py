"""The HTML report: what is in it, and how it behaves in a browser where the machine has one."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from tinct.lab.evaluate.result import RowResult
from tinct.lab.figures.page import Chart, Content, _to_jpeg, make_page
from tinct.lab.figures.pictures import ComparedPicture
from tinct.lab.metrics.bootstrap import Estimate
from tinct.lab.metrics.score import METRICS

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ROWS = ("gray", "paper", "<i>nano</i>")
EVIL = '"><script>window.stolen = 1</script><img src=x onerror="window.stolen = 1">$title.png'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"/>'


class SmallReport:
    """The part of an evaluation's report that the page shows, with values chosen for sorting."""

    def __init__(self) -> None:
        values = {"psnr_rgb": (9.5, 20.25, 10.0), "ab_rmse": (16.0, 15.0, 14.0)}
        self.shown = [metric for metric in METRICS if metric.key in values]
        self.rows = [
            RowResult(
                name=name,
                parameters=None if row == 0 else 1000 * row,
                mmac=None,
                metrics={k: Estimate(v[row], v[row] - 1, v[row] + 1) for k, v in values.items()},
                differences={},
            )
            for row, name in enumerate(ROWS)
        ]

    def columns(self) -> list:
        return self.shown


def flat(*rgb: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*size, 3), rgb, np.uint8)


@pytest.fixture(scope="module")
def content() -> Content:
    answers = (flat(90, 90, 90), flat(200, 40, 40), flat(40, 40, 200))
    chart = Chart("Losses & more", "lower is <nearer>", SVG, SVG.replace(b"90", b"91"))
    return Content(
        title="Test",
        summary=f"Pictures: {EVIL}",
        names=ROWS,
        pictures=(
            ComparedPicture("color.png", flat(40, 200, 40), answers, (0.1, 0.02, 0.003)),
            ComparedPicture(EVIL, None, answers, ()),
        ),
        report=SmallReport(),
        charts=(chart,),
        listings={"nano": "a <table>"},
        method={"Command": "tinct lab compare <x>"},
    )


class Outline(HTMLParser):
    """Every tag with its attributes, and whether all of them are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "br", "source"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def outline(content) -> Outline:
    return Outline(make_page(content).decode())


def test_the_page_is_whole_and_names_nothing_outside_itself(content, outline):
    assert outline.stack == []
    for _, attributes in outline.tags:
        for key in ("src", "srcset", "href"):
            assert (attributes.get(key) or "data:").startswith(("data:", "#"))
        assert not [key for key in attributes if key.startswith("on")]
    assert not outline.all("link")
    text = make_page(content).decode()
    assert "url(" not in text
    assert "@import" not in text


def test_text_from_outside_stays_text(content, outline):
    assert len(outline.all("script")) == 1
    assert not outline.all("i")
    assert "&lt;script&gt;window.stolen" in make_page(content).decode()


def test_every_picture_is_there_once_for_each_row_and_the_truth(outline):
    shown = [tag for tag in outline.all("img") if (tag.get("src") or "").startswith("data:image/j")]
    assert [tag["alt"] for tag in shown[:4]] == [
        f"color.png: {column}" for column in (*ROWS, "truth")
    ]
    assert len(shown) == 4 + 3
    data = base64.b64decode((shown[3]["src"] or "").partition(",")[2])
    rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(rgb - (40, 200, 40)).max() <= 3


def _fields(content: Content) -> dict[str, object]:
    return {name: getattr(content, name) for name in Content.__dataclass_fields__}


def test_the_table_marks_the_best_of_each_column(content):
    text = make_page(content).decode()
    assert re.findall(r'<td class="best" data-value="([\d.]+)"', text) == ["20.25", "14.0"]
    assert "19.25 to 21.25" in text


def test_pictures_full_of_noise_are_encoded_with_all_their_colors(rng):
    for side in (64, 256):  # Pillow, told to optimize in memory, has too little room for these
        rgb = rng.integers(0, 256, (side, side, 3), np.uint8)
        with Image.open(io.BytesIO(_to_jpeg(rgb))) as image:
            assert np.abs(np.asarray(image, np.int16) - rgb).mean() < 6


def test_a_page_without_any_truth_has_no_table(content):
    fields = _fields(content) | {"report": None, "pictures": content.pictures[1:]}
    page = Outline(make_page(Content(**fields)).decode())
    assert not page.all("table")
    options = [tag["value"] for tag in page.all("option")]
    assert options == ["0", "1", "2"] * 4  # left and right, for all pictures and for the one


# In a browser


class Browser:
    """A headless Chromium, told what to do through a pipe in its DevTools protocol."""

    def __init__(self, program: str, profile) -> None:
        to_browser, self._writer = os.pipe()
        self._reader, from_browser = os.pipe()
        flags = (
            "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
            "--disable-background-networking --disable-component-update --disable-sync "
            f"--remote-debugging-pipe --user-data-dir={profile}"
        )

        def connect() -> None:  # the browser reads orders from descriptor 3 and answers to 4
            spare = os.dup(from_browser)
            os.dup2(os.dup(to_browser), 3)
            os.dup2(spare, 4)

        self._process = subprocess.Popen(
            [program, *flags.split(), "about:blank"],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._answers = os.fdopen(self._reader, "rb")
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.events: list[dict] = []
        target = self.send("Target.getTargets")["targetInfos"]
        page = next(info["targetId"] for info in target if info["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params) -> dict:
        number = next(self._numbers)
        order = {"id": number, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._writer, json.dumps(order).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _read(self) -> dict:
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has gone"
            data += byte
        return json.loads(data)

    def open(self, path) -> None:
        self.send("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def look(self, expression: str):
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def mouse(self, kind: str, x: float, y: float) -> None:
        self.send(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
        )

    def click(self, selector: str) -> None:
        x, y, width, height = self.box(selector)
        self.mouse("mousePressed", x + width / 2, y + height / 2)
        self.mouse("mouseReleased", x + width / 2, y + height / 2)

    def box(self, selector: str) -> list[float]:
        self.look(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        return self.look(
            f"(({{x, y, width, height}}) => [x, y, width, height])"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )

    def press(self, key: str) -> None:
        code = {"ArrowRight": 39, "End": 35}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        os.close(self._writer)
        self._answers.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory, content):
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None or os.name != "posix":
        pytest.skip(f"no browser on this machine: none of {', '.join(BROWSERS)}")
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_bytes(make_page(content))
    browser = Browser(program, folder / "profile")
    browser.open(folder / "report.html")
    yield browser
    browser.close()


SHARE = "Number(document.querySelector('.stage input').value)"
CUT = "getComputedStyle(document.querySelector('.stage .over')).clipPath"


def test_the_script_runs_and_nothing_else_does(browser):
    assert browser.look("[...document.querySelectorAll('.slider')].every(s => !s.hidden)")
    assert browser.look("typeof window.stolen") == "undefined"
    logged = [event["params"]["entry"]["text"] for event in browser.events
              if event.get("method") == "Log.entryAdded"]  # fmt: skip
    assert logged == []  # no violation of the policy either
    asked = [event["params"]["request"]["url"] for event in browser.events
             if event.get("method") == "Network.requestWillBeSent"]  # fmt: skip
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert browser.look("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_the_slider_follows_pointer_and_keys(browser):
    x, y, width, height = browser.box(".stage")
    browser.mouse("mousePressed", x + width / 4, y + height / 2)
    assert browser.look(SHARE) == pytest.approx(25, abs=1)
    browser.mouse("mouseMoved", x + 0.6 * width, y + height / 2)
    browser.mouse("mouseReleased", x + 0.6 * width, y + height / 2)
    at = browser.look(SHARE)
    assert at == pytest.approx(60, abs=1)
    browser.press("ArrowRight")
    assert browser.look(SHARE) == at + 0.5
    browser.press("End")
    assert browser.look(CUT) == "inset(0px 0% 0px 0px)"


def test_the_slider_follows_a_finger(browser):
    x, y, width, height = browser.box(".stage")
    for kind, at in (("touchStart", 0.5), ("touchMove", 0.4), ("touchMove", 0.2)):
        browser.send("Input.dispatchTouchEvent", type=kind,
                     touchPoints=[{"x": x + at * width, "y": y + height / 2}])  # fmt: skip
    browser.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert browser.look(SHARE) == pytest.approx(20, abs=1)
    text = browser.look("document.querySelector('.stage input').getAttribute('aria-valuetext')")
    assert text == "20 % gray, the rest <i>nano</i>"


def test_the_choice_for_all_reaches_all_that_have_it(browser):
    browser.look(
        "(s => { s.value = '3'; s.dispatchEvent(new Event('change', {bubbles: true})) })"
        "(document.querySelector('.everywhere select.right'))"
    )
    shown = "[...document.querySelectorAll('.under')].map(i => i.alt.split(': ').pop())"
    assert browser.look(shown) == ["truth", "<i>nano</i>"]  # the gray picture has no truth


def test_a_click_on_a_head_sorts_by_numbers_best_first(browser):
    order = "[...document.querySelectorAll('tbody th')].map(cell => cell.textContent)"
    browser.click("thead th:nth-child(4) button")  # PSNR: higher is better
    assert browser.look(order) == ["paper", "<i>nano</i>", "gray"]
    browser.click("thead th:nth-child(4) button")
    assert browser.look(order) == ["gray", "<i>nano</i>", "paper"]  # 9.5 before 10: not as text
    browser.click("thead th:nth-child(5) button")  # RMSE: lower is better
    assert browser.look(order) == ["<i>nano</i>", "paper", "gray"]
    heads = "[...document.querySelectorAll('thead th')].map(head => head.getAttribute('aria-sort'))"
    assert browser.look(heads) == [None] * 4 + ["ascending"]


def test_a_phone_scrolls_down_only(browser):
    size = {"width": 360, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    browser.send("Emulation.setDeviceMetricsOverride", **size)
    width = browser.look("document.documentElement.scrollWidth")
    browser.send("Emulation.clearDeviceMetricsOverride")
    assert width <= 360
