"""The page and its assets, served from this package under relative addresses, so any prefix works."""

import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

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
TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asset:
    """One static file; its ETag changes with its content, so a browser always runs what belongs together."""

    content: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """Return the file, or 304 when the caller has it."""
        headers = HEADERS | {"ETag": self.etag}
        if request.headers.get("if-none-match") == self.etag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def load_assets() -> Mapping[str, Asset]:
    """Return every file of the page by name, read once."""
    found: dict[str, Asset] = {}
    for file in files("services.queues").joinpath("page").iterdir():
        content = file.read_bytes()
        suffix = "." + file.name.rpartition(".")[2]
        kind = TYPES.get(suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if suffix == ".html":
            kind = "text/html; charset=utf-8"
        found[file.name] = Asset(content, kind, f'"{hashlib.sha256(content).hexdigest()[:16]}"')
    return found


def page_router() -> APIRouter:
    """Return / and /assets/{name}; whoever is not signed in is sent to the sign-in page."""
    router = APIRouter(include_in_schema=False)
    assets = load_assets()

    @router.get("/")
    def page(request: Request) -> Response:
        try:
            principal = authenticate(request)
        except HttpProblem:
            if "text/html" not in request.headers.get("accept", ""):
                raise
            return _to_sign_in(request)
        if not principal.may("queues:read"):
            raise HttpProblem(403, f"The key {principal.name!r} lacks the scope queues:read; sign in with another one.")
        return assets["index.html"].answer(request)

    @router.get("/assets/{name}")
    def asset(name: str, request: Request, _: Anyone) -> Response:
        found = assets.get(name)
        if found is None:
            raise HttpProblem(404, "The page has no such file.")
        return found.answer(request)

    return router


def _to_sign_in(request: Request) -> Response:
    """Return a redirect to the sign-in page that comes back to the same view."""
    prefix: str = request.app.state.prefix
    query = f"?{request.url.query}" if request.url.query else ""
    target = quote(f"{prefix}/{query}", safe="/")
    return RedirectResponse(f"{prefix}/signin?next={target}", 303, headers={"Cache-Control": "no-store"})
