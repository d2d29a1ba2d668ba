"""Keeps the activity index from growing for ever: forgets what is older than a delete is likely to name."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.ingest.index import SqlActivityIndex
from shared.errors import TransientError

EVERY_SECONDS: Final = 3_600.0
BREATH_SECONDS: Final = 0.2


async def forget_old(index: SqlActivityIndex, clock: Callable[[], datetime], kept: timedelta) -> None:
    """Look once an hour until cancelled; a few thousand entries at a time, so that nobody waits for the database."""
    while True:
        try:
            now = clock()
            while await asyncio.to_thread(index.forget, now - kept, now=now):  # noqa: ASYNC110  # not a wait but work
                await asyncio.sleep(BREATH_SECONDS)
        except TransientError as error:
            structlog.get_logger(__name__).info("the activity index is pruned later", error=str(error))
        await asyncio.sleep(EVERY_SECONDS)
