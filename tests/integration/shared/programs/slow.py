"""A service with one slow route, served as every service is: `python -m tests.integration.shared.programs.slow`."""

import asyncio

from fastapi import APIRouter

from shared.contracts.configuration import Configuration
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app, serve
from shared.service.settings import HttpSettings
from shared.service.telemetry import Telemetry

router = APIRouter()


@router.post("/slow/{milliseconds}")
async def slow(milliseconds: int) -> dict[str, int]:
    await asyncio.sleep(milliseconds / 1000)
    return {"slept": milliseconds}


if __name__ == "__main__":
    parts = ServiceParts("slow", Keyring(Configuration(), "key"), Health(), Telemetry("slow"))
    serve(create_app(parts, [router]), HttpSettings())
