"""What every connector that listens by itself has in common."""

from typing import Protocol

from services.ingest.states import SourceState
from shared.errors import TransientError


class SilentError(TransientError):
    """The source is connected but says nothing for longer than it should."""


class Connector(Protocol):
    """One configured source."""

    @property
    def state(self) -> SourceState:
        """What is known of the source; the connector keeps it up to date."""

    async def run(self) -> None:
        """Hear until there is nothing more to come.

        Raises TransientError (SilentError) to be run again after a while, PermanentError when that cannot help.
        """
