"""Keys and scopes: who calls, and what that key may do. Keys are compared by SHA-256 in constant time.

A key comes as `Authorization: Bearer ...`; browsers send it as the cookie that the sign-in page sets (HttpOnly,
SameSite=Strict). With the cookie, an unsafe method is accepted only from our own pages (Sec-Fetch-Site).
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from shared.contracts.configuration import SCOPES, Configuration
from shared.service.problems import HttpProblem

COOKIE: Final = "earshot_key"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Principal:
    """The holder of a key."""

    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Tell whether the key has a scope; `admin` has them all but `internal:read`, which is granted by name."""
        return scope in self.scopes or ("admin" in self.scopes and scope != "internal:read")


class Keyring:
    """All keys that open this installation."""

    def __init__(self, configuration: Configuration, api_key: str | None) -> None:
        held = [(key.sha256, Principal(key.name, frozenset(key.scopes))) for key in configuration.keys]
        if api_key:
            held.append((_digest(api_key), Principal("environment", frozenset(SCOPES))))
        self._held = tuple(held)

    def principal(self, key: str) -> Principal | None:
        """Return the holder of a key, or None; every held key is compared, so time tells nothing."""
        digest = _digest(key)
        found = None
        for held, principal in self._held:
            if hmac.compare_digest(held, digest):
                found = principal
        return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def presented_key(request: Request) -> str | None:
    """Return the key a request carries; None when there is none. Raises HttpProblem 403 for a cross-site cookie use."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    cookie = request.cookies.get(COOKIE)
    if cookie and request.method not in SAFE_METHODS and request.headers.get("sec-fetch-site") != "same-origin":
        raise HttpProblem(
            403, "A cookie is accepted for changes only from Earshot's own pages; send Authorization: Bearer."
        )
    return cookie


def authenticate(request: Request) -> Principal:
    """Return who calls. Raises HttpProblem 401."""
    keyring: Keyring = request.app.state.keyring
    key = presented_key(request)
    principal = keyring.principal(key) if key else None
    if principal is None:
        detail = "Unknown key." if key else "A key is needed: Authorization: Bearer <key>."
        raise HttpProblem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="earshot"'})
    return principal


def requires(scope: str) -> Callable[[Request], Principal]:
    """Return a dependency that lets only keys with `scope` pass and gives the route its Principal."""

    def allowed(request: Request) -> Principal:
        principal = authenticate(request)
        if not principal.may(scope):
            raise HttpProblem(403, f"The key {principal.name!r} lacks the scope {scope}.")
        return principal

    allowed.__name__ = f"requires_{scope.replace(':', '_')}"
    return allowed


Anyone = Annotated[Principal, Depends(authenticate)]
"""A route parameter for any valid key."""
