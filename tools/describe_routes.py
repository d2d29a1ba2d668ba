"""Finds every service's routes in its OpenAPI description, without starting it."""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, Self

from fastapi import APIRouter, FastAPI

from shared.contracts.configuration import Configuration
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry

SERVICES: Final = ("ingest", "classify", "metrics", "queues")


class Anything:
    """Stands where a router factory takes what only its routes will use; a factory that used it would get nowhere."""

    def __getattr__(self, name: str) -> Self:
        """Return itself, whatever is asked."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: Any, **named: Any) -> Self:  # noqa: ANN401, ARG002  # whatever is asked
        """Return itself."""
        return self


def router_factories(service: str) -> Iterator[Any]:
    """Yield the functions `..._router` that the modules of a service's api/ define."""
    package = import_module(f"services.{service}.api")
    for found in sorted(pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda each: each.name):
        module = import_module(found.name)
        for name, factory in inspect.getmembers(module, inspect.isfunction):
            if name.endswith("_router") and factory.__module__ == module.__name__:
                yield factory


def described_app(service: str) -> FastAPI:
    """Return a service's app with its routes and nothing behind them."""
    routers: list[APIRouter] = []
    for factory in router_factories(service):
        needed = [each for each in inspect.signature(factory).parameters.values() if each.default is each.empty]
        positional = [Anything() for each in needed if each.kind is not each.KEYWORD_ONLY]
        named = {each.name: Anything() for each in needed if each.kind is each.KEYWORD_ONLY}
        routers.append(factory(*positional, **named))
    parts = ServiceParts(service, Keyring(Configuration(), None), Health(), Telemetry(service))
    return create_app(parts, routers)


def routes(service: str) -> list[tuple[str, str, str]]:
    """Return (method, path, first line of its description) of every documented route of a service."""
    found = []
    for path, methods in described_app(service).openapi()["paths"].items():
        for method, operation in methods.items():
            told = (operation.get("description") or operation.get("summary") or "").strip().splitlines()
            found.append((method.upper(), path, told[0] if told else ""))
    return sorted(found, key=lambda each: (each[1], each[0]))


def routes_page() -> str:
    """Return docs/routes.md."""
    parts = [
        "# Routes",
        "<!-- Written by `make docs` from the code; do not edit. -->",
        "",
        "As they are behind the front door; parameters and answers stand in each service's `/docs`.",
    ]
    for service in SERVICES:
        parts += ["", f"## {service}", "", "| method | path | |", "|---|---|---|"]
        parts += [
            f"| {method} | `/{service}{path}` | {told.replace('|', '/')} |" for method, path, told in routes(service)
        ]
    return "\n".join(parts) + "\n"
