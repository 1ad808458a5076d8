"""The camera in the page: Chromium's own test picture stands for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio_page import check_with_axe

Open = Callable[..., Any]

_RUNNING = "document.querySelector('#camera-video').srcObject.active"
_COLORFULNESS = """selector => {
    const source = document.querySelector(selector);
    const copy = new OffscreenCanvas(32, 24), context = copy.getContext("2d");
    context.drawImage(source, 0, 0, 32, 24);
    const {data} = context.getImageData(0, 0, 32, 24);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) {
        const [red, green, blue] = data.subarray(i, i + 3);
        sum += Math.max(red, green, blue) - Math.min(red, green, blue);
    }
    return sum / (32 * 24);
}"""


def test_a_camera_is_made_gray_and_colored(page: Any) -> None:
    page.context.grant_permissions(["camera"])
    page.click("#show-camera")
    page.focus("#camera-start")
    page.keyboard.press("Enter")
    page.wait_for_selector("#camera-curve polyline[points*=' ']", state="attached")  # two frames
    assert page.evaluate("document.activeElement.id") == "camera-stop", "the keyboard stays there"
    assert float(page.inner_text("#camera-rate")) > 0
    assert page.inner_text("#camera-latency").endswith(" ms")
    assert 0 < float(page.inner_text("#camera-distance")) < 150
    assert page.evaluate(_COLORFULNESS, "#camera-gray") == 0
    assert page.evaluate(_COLORFULNESS, "#camera-colored") > 1
    check_with_axe(page)
    page.click("#show-photographs")
    assert not page.evaluate(_RUNNING), "nobody is filmed who does not see it"
    assert page.is_visible("#start")


_STARTED_AND_LEFT = """async () => {
    const devices = navigator.mediaDevices, start = devices.getUserMedia.bind(devices);
    let started;
    devices.getUserMedia = wanted => started = start(wanted);
    document.querySelector("#camera-start").click();
    document.querySelector("#show-photographs").click();
    const stream = await started;
    await new Promise(requestAnimationFrame); // the page has it as well
    delete devices.getUserMedia;
    return stream.getTracks().map(track => track.readyState);
}"""


def test_a_camera_that_comes_too_late_is_switched_off(page: Any) -> None:
    page.context.grant_permissions(["camera"])
    page.click("#show-camera")
    assert page.evaluate(_STARTED_AND_LEFT) == ["ended"]


def test_a_camera_that_goes_is_one_line(page: Any) -> None:
    page.context.grant_permissions(["camera"])
    page.click("#show-camera")
    page.click("#camera-start")
    page.wait_for_selector("#camera-curve polyline[points*=' ']", state="attached")
    track = "document.querySelector('#camera-video').srcObject.getVideoTracks()[0]"
    page.evaluate(f"{track}.dispatchEvent(new Event('ended'))")
    assert page.inner_text("#problem").startswith("No camera")
    assert page.is_visible("#camera-start")
    page.click("#show-photographs")


def test_no_camera_is_one_line(open_page: Open) -> None:
    page = open_page()
    # As in a page that does not come from this machine nor by HTTPS.
    page.evaluate("() => { delete Navigator.prototype.mediaDevices; }")
    page.click("#show-camera")
    page.click("#camera-start")
    page.wait_for_selector("#problem:not(:empty)")
    assert page.inner_text("#problem").startswith("No camera")
    assert page.is_visible("#camera-start")
