"""Makes the secrets of an installation once, as files in a volume that only the containers see."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from deploy.compose.settings import SecretsSettings

KEY_BYTES: Final = 24
READABLE: Final = 0o444
"""Containers run as different users; who may mount the volume may read it."""


def write_secrets(settings: SecretsSettings) -> str | None:
    """Write every file that is missing, and the key when one is given; return the key if it was made here."""
    folder = settings.secrets_folder
    folder.mkdir(parents=True, exist_ok=True)
    if settings.api_key is not None:
        _write(folder / "api-key", settings.api_key.get_secret_value())
    key = _kept(folder / "api-key", None, lambda: "earshot-" + secrets.token_urlsafe(KEY_BYTES))
    password = _kept(folder / "postgres-password", settings.postgres_password, _hexadecimal)
    _kept(folder / "clickhouse-password", settings.clickhouse_password, _hexadecimal)
    _write(folder / "database-url", f"postgresql+psycopg://earshot:{quote(password, safe='')}@postgres:5432/earshot")
    return key if settings.api_key is None else None


def _hexadecimal() -> str:
    return secrets.token_hex(KEY_BYTES)


def _kept(path: Path, given: SecretStr | None, make: Callable[[], str]) -> str:
    """Return what the file holds; a fresh one holds what is given, else what is made."""
    if path.exists() and (held := path.read_text(encoding="utf-8").strip()):
        return held
    value = given.get_secret_value() if given is not None else make()
    _write(path, value)
    return value


def _write(path: Path, value: str) -> None:
    """Replace a file as a whole: a container that starts meanwhile reads the old value or the new one."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.write_text(value + "\n", encoding="utf-8")
    fresh.chmod(READABLE)
    fresh.replace(path)
