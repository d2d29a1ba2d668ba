"""The data folder of the embedded system: its lock, its key, its mark of a clean end."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.errors import PermanentError

KEY_BYTES: Final = 24


class HomeInUseError(PermanentError):
    """Another launcher runs on the same data folder."""


@dataclass(frozen=True)
class Home:
    """Names of what lies in the data folder."""

    folder: Path

    @property
    def logs(self) -> Path:
        """One log file per child."""
        return self.folder / "logs"

    @property
    def children_file(self) -> Path:
        """Which processes were started, for a start after a crash."""
        return self.folder / "children.json"

    @property
    def _clean_mark(self) -> Path:
        return self.folder / "clean"

    @contextlib.contextmanager
    def locked(self, url: str) -> Iterator[None]:
        """Own the folder for the block; the lock of a killed process is free by itself. Raises HomeInUseError."""
        self._make()
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise HomeInUseError(self._holder(descriptor)) from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.logs.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise PermanentError(
                f"The data folder {self.folder} cannot be used: {error}. Set EARSHOT_HOME to a folder you may write."
            ) from error

    def _holder(self, descriptor: int) -> str:
        try:
            held = json.loads(os.pread(descriptor, 4096, 0))
            who = f"as process {held['pid']} at {held['url']}"
            stop = f"press Ctrl-C there or run `kill {held['pid']}`"
        except (ValueError, KeyError, TypeError):
            who, stop = "and is just starting", "stop it first"
        return (
            f"Earshot already runs on {self.folder} {who}. To start a second one beside it set EARSHOT_HOME and "
            f"EARSHOT_PORT; to start this one instead, {stop}."
        )

    def api_key(self) -> str:
        """Return the key made for this folder; made once, readable by its owner only."""
        path = self.folder / "api-key"
        with contextlib.suppress(FileNotFoundError):
            if held := path.read_text(encoding="ascii", errors="ignore").strip():
                return held
        key = "earshot-" + secrets.token_urlsafe(KEY_BYTES)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key + "\n")
        return key

    def take_clean_mark(self) -> bool:
        """Tell whether the last run ended clean, and forget it: from now on the end is open."""
        was_clean = self._clean_mark.exists()
        self._clean_mark.unlink(missing_ok=True)
        return was_clean

    def mark_clean(self) -> None:
        """Note that everything heard has been stored."""
        with self._clean_mark.open("w", encoding="ascii") as file:
            file.write("everything heard was stored\n")
            file.flush()
            os.fsync(file.fileno())
