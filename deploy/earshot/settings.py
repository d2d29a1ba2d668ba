"""Finds the running installation: told in the environment, else what the embedded system wrote into its data folder."""

import json
from typing import Final

from pydantic import Field

from shared.errors import ConfigurationError, Problem
from shared.service.settings import EarshotSettings

KEY_FILE: Final = "api-key"
LOCK_FILE: Final = "lock"


class OperatorSettings(EarshotSettings):
    """Settings of `earshot`."""

    url: str | None = Field(
        default=None, description="Front door that `earshot` talks to; without it the one that runs on EARSHOT_HOME."
    )

    def front_door(self) -> str:
        """Return the address of the front door. Raises ConfigurationError."""
        if self.url is not None:
            return self.url.rstrip("/")
        try:
            found: str = json.loads((self.home / LOCK_FILE).read_text(encoding="utf-8"))["url"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                [Problem("EARSHOT_URL", f"is not set, and no Earshot has run on {self.home}: set it to the front door")]
            ) from error
        return found

    def key(self) -> str:
        """Return the key to show. Raises ConfigurationError."""
        if self.api_key is not None:
            return self.api_key.get_secret_value()
        try:
            return (self.home / KEY_FILE).read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                [Problem("EARSHOT_API_KEY", f"is not set, and {self.home / KEY_FILE} cannot be read")]
            ) from error
