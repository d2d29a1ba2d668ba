"""The dashboard and its assets, from this package and from the drawing library's, under relative addresses; no CDN."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from services.metrics.charts import SPECS
from services.metrics.core.ports import Painter
from shared.service.auth import Anyone, authenticate
from shared.service.problems import HttpProblem

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
TYPES: Final = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
                "html": "text/html; charset=utf-8", "json": "application/json"}  # fmt: skip
LIBRARY: Final = "vega.js"


@dataclass(frozen=True)
class Asset:
    """One static file, packed; its ETag changes with its content, so a browser always runs what belongs together."""

    packed: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "Asset":
        """Return the asset of a file."""
        kind = TYPES.get(name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        return cls(gzip.compress(content, 6, mtime=0), kind, f'"{hashlib.sha256(content).hexdigest()[:16]}"')

    def answer(self, request: Request) -> Response:
        """Return the file, or 304 when the caller has it."""
        headers = HEADERS | {"ETag": self.etag, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, media_type=self.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(gzip.decompress(self.packed), media_type=self.media_type, headers=headers)


def load_assets() -> dict[str, Asset]:
    """Return every file of the page by name, read once, and the charts as one."""
    folder = files("services.metrics").joinpath("page")
    found = {file.name: Asset.of(file.name, file.read_bytes()) for file in folder.iterdir() if file.is_file()}
    found["charts.json"] = Asset.of("charts.json", orjson.dumps(SPECS))
    return found


def page_router(prefix: str, painter: Painter | None = None) -> APIRouter:
    """Return / and /assets/{name}; whoever is not signed in is sent to the sign-in page."""
    router = APIRouter(include_in_schema=False)
    assets = load_assets()

    @router.get("/")
    def page(request: Request) -> Response:
        try:
            principal = authenticate(request)
        except HttpProblem:
            query = f"?{request.url.query}" if request.url.query else ""
            target = quote(f"{prefix}/{query}", safe="/")
            return RedirectResponse(f"{prefix}/signin?next={target}", 303, headers={"Cache-Control": "no-store"})
        if not principal.may("metrics:read"):
            raise HttpProblem(
                403, f"The key {principal.name!r} lacks the scope metrics:read; sign in with another one."
            )
        return assets["index.html"].answer(request)

    @router.get("/assets/{name}")
    def asset(name: str, request: Request, _: Anyone) -> Response:
        if name == LIBRARY and painter is not None and name not in assets:
            assets[name] = Asset.of(name, painter.library())
        return _known(assets, name).answer(request)

    return router


def _known(assets: Mapping[str, Asset], name: str) -> Asset:
    found = assets.get(name)
    if found is None:
        raise HttpProblem(404, "The page has no such file.")
    return found
