"""The page at `/`: the engagement series as a table and a chart, over the HTTP API only."""

import secrets
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from shared.service.auth import Keyring, presented_key

PAGE: Final = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))


def page_router(prefix: str) -> APIRouter:
    """Return the page of a service behind `prefix`; without a valid key it leads to the sign-in."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page(request: Request) -> Response:
        keyring: Keyring = request.app.state.keyring
        key = presented_key(request)
        principal = keyring.principal(key) if key else None
        if principal is None or not principal.may("metrics:read"):
            return RedirectResponse(f"{prefix}/signin?next={quote(f'{prefix}/')}", 303)
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(PAGE.substitute(nonce=nonce, prefix=prefix), headers=headers)

    return router
