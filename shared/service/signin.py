"""The sign-in page of a service: turns a key into an HttpOnly cookie, for pages and event streams in a browser."""

import html
from pathlib import Path
from string import Template
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shared.service.auth import COOKIE, Keyring

COOKIE_SECONDS: Final = 12 * 3600
PAGE: Final = Template(Path(__file__).with_name("signin.html").read_text(encoding="utf-8"))


def _own_path(target: str, fallback: str) -> str:
    """Return `target` when it is a path on this host, else the fallback: no open redirect."""
    parts = urlsplit(target)
    same_host = not parts.scheme and not parts.netloc and target.startswith("/") and not target.startswith("//")
    return target if same_host and "\\" not in target and target.isprintable() else fallback


def signin_router(prefix: str) -> APIRouter:
    """Return GET and POST /signin and POST /signout for a service behind `prefix`."""
    router = APIRouter(include_in_schema=False)
    home = f"{prefix}/" if prefix else "/"

    def page(target: str, message: str = "", status: int = 200) -> HTMLResponse:
        body = PAGE.substitute(action=f"{prefix}/signin", next=html.escape(_own_path(target, home)), message=message)
        return HTMLResponse(body, status, headers={"Cache-Control": "no-store"})

    @router.get("/signin")
    def form(request: Request) -> Response:
        return page(request.query_params.get("next", home))

    @router.post("/signin")
    def sign_in(
        request: Request,
        key: Annotated[str, Form(max_length=512)],
        target: Annotated[str, Form(alias="next")] = "",
    ) -> Response:
        keyring: Keyring = request.app.state.keyring
        if keyring.principal(key.strip()) is None:
            return page(target, '<p role="alert">This key is not known here. Check it and try again.</p>', 401)
        answer = RedirectResponse(_own_path(target, home), 303)
        secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE, key.strip(), max_age=COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure, path="/"
        )
        return answer

    @router.post("/signout")
    def sign_out() -> Response:
        answer = RedirectResponse(f"{prefix}/signin", 303)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return router
