"""The web interface of the server: photographs in, photographs in color out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from tinct import __version__
from tinct.apps.photographs.batch import BatchOptions
from tinct.apps.serve.coloring import BusyError, Coloring, Order
from tinct.errors import InputError, ModelError, OptionError, OutputError, TinctError
from tinct.photographs import format_named
from tinct.runtime.colorizer import ColorOptions

_PATIENCE = 30.0  # seconds for a photograph to arrive
_HUNG_UP = 499  # what servers count as such: nobody is there to read it
_STATUS: dict[type[TinctError], int] = {
    OptionError: 400, InputError: 422, OutputError: 422, ModelError: 500, BusyError: 503,
}  # fmt: skip
_MEDIA_TYPES = {"TIFF": "image/tiff", "JPEG2000": "image/jp2", "PPM": "image/x-portable-anymap"}
_ERROR = {
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}}
        }
    }
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The photograph in color, upright and in sRGB. Warnings, if any, are in "
        "headers `Tinct-Warning`.",
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    },
    400: {"description": "A parameter has no sense.", **_ERROR},
    408: {"description": "The photograph did not arrive in time.", **_ERROR},
    413: {"description": "The file is larger than the server takes.", **_ERROR},
    422: {"description": "The photograph cannot be read, or not be written so.", **_ERROR},
    503: {"description": "Too many photographs are waiting: try again.", **_ERROR},
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes of a file, of any format that tinct reads.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes."""

    max_bytes: int = 64_000_000  # of a file
    max_pixels: int = 100_000_000  # of a photograph


class _Parameters(BaseModel):
    """What can be asked for, as `tinct image` has it."""

    model_config = ConfigDict(extra="forbid")

    model: Literal["base", "nano"] | None = Field(None, description="By default the server's.")
    vividness: float | None = Field(None, ge=0, le=1, description="By default the model's.")
    cautious: float = Field(0.0, ge=0, le=1, description="Unsure colors fade to gray.")
    saturation: float = Field(1.0, ge=0, le=4, description="Factor on the colors.")
    format: str | None = Field(None, description="jpeg, png, ...; by default that of the input.")
    quality: int | None = Field(None, ge=1, le=100, description="By default the format's.")
    restore: bool = Field(False, description="First stretch faded tones, take casts out.")
    mark: bool = Field(True, description="Say in the metadata that a model has colored it.")


class _RefusedError(Exception):
    """A request is not answered with a photograph."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Metrics:
    """What is counted, in the text format of Prometheus."""

    def __init__(self, coloring: Coloring) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tinct_requests", "Requests for colors.", ["status"], registry=self.registry
        )
        self.seconds = Histogram(
            "tinct_seconds",
            "From the first byte of a request to its answer, of photographs colored.",
            registry=self.registry,
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        waiting = Gauge("tinct_waiting", "Photographs that wait.", registry=self.registry)
        waiting.set_function(lambda: coloring.num_waiting)


def make_app(coloring: Coloring, model: str, limits: Limits) -> FastAPI:
    """Make the application.

    Args:
        coloring: Not yet entered; the application does that while it runs.
        model: Name of the model that is used where a request names none.
        limits: What is taken.
    """

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        async with coloring:
            yield

    # The usual pages about an interface come from a server elsewhere: only the description is here.
    app = FastAPI(title="tinct", version=__version__, docs_url=None, redoc_url=None, lifespan=run)
    metrics = _Metrics(coloring)

    @app.post("/color", responses=_RESPONSES, openapi_extra=_BODY, response_class=Response)
    async def color(request: Request, asked: Annotated[_Parameters, Query()]) -> Response:
        """Color a photograph; the parameters are those of `tinct image`."""
        start = time.perf_counter()
        coloring.check_room()  # before a file is taken in that would not be colored
        order = Order(
            asked.model or model,
            ColorOptions(asked.vividness, asked.cautious, asked.saturation),
            BatchOptions(
                max_pixels=limits.max_pixels,
                format=None if asked.format is None else format_named(asked.format).name,
                quality=asked.quality,
                mark=asked.mark,
                restore=asked.restore,
            ),
        )
        result = await coloring.color(await _read_body(request, limits.max_bytes), order)
        metrics.requests.labels("200").inc()
        metrics.seconds.observe(time.perf_counter() - start)
        media = _MEDIA_TYPES.get(result.format, f"image/{result.format.lower()}")
        response = Response(result.data, media_type=media)
        for warning in result.warnings:
            response.headers.append("Tinct-Warning", warning.encode("ascii", "replace").decode())
        return response

    @app.get("/health")
    async def health() -> dict[str, str | int]:
        """Tell whether the server works, and how much it has to do."""
        return {
            "status": "ok",
            "version": __version__,
            "model": model,
            "waiting": coloring.num_waiting,
            "most_waiting": coloring.most_waiting,
        }

    @app.get("/metrics", response_class=Response)
    async def show_metrics() -> Response:
        """Show what was counted, for Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def refuse(status: int, reason: str) -> JSONResponse:
        metrics.requests.labels(str(status)).inc()
        headers = {"Retry-After": "1"} if status == 503 else None
        return JSONResponse({"error": reason}, status, headers)

    @app.exception_handler(TinctError)
    async def refuse_photograph(_: Request, error: TinctError) -> JSONResponse:
        return refuse(_STATUS.get(type(error), 422), str(error))

    @app.exception_handler(_RefusedError)
    async def refuse_request(_: Request, error: _RefusedError) -> JSONResponse:
        return refuse(error.status, str(error))

    @app.exception_handler(RequestValidationError)
    async def refuse_parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return refuse(400, f"{first['loc'][-1]}: {first['msg']}")

    app.add_exception_handler(HTTPException, _refuse_address)
    return app


async def _refuse_address(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    reason = f"{request.method} {request.url.path}: photographs are sent by POST to /color"
    return JSONResponse({"error": reason}, error.status_code, error.headers)


async def _read_body(request: Request, max_bytes: int) -> bytes:
    """Read a file that is sent, no more of it than may be taken.

    Raises:
        _RefusedError: It is too large, empty, a form, or does not come, as a whole or in time.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise _RefusedError(400, "a form: send the bytes of the file alone (curl --data-binary)")
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for part in request.stream():
                body += part
                if len(body) > max_bytes:
                    raise _RefusedError(413, f"larger than {max_bytes / 1e6:g} MB")
    except TimeoutError as error:
        raise _RefusedError(408, f"the file did not arrive within {_PATIENCE:g} s") from error
    except ClientDisconnect as error:
        raise _RefusedError(_HUNG_UP, "the client has hung up") from error
    return bytes(body)
