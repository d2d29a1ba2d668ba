"""One child process: started on a leash, its output in a bounded log file, ended by SIGTERM and then SIGKILL."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

LEASH: Final = Path(__file__).with_name("leash.py")
ROOT: Final = Path(__file__).resolve().parents[2]
LOG_BYTES: Final = 16 << 20
KILL_WAIT_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Command:
    """How a child is started."""

    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[int, ...] = ()

    @property
    def program(self) -> str:
        """The part of the command line that tells this child from other processes."""
        return " ".join(self.arguments[1:3]) or self.arguments[0]


@dataclass
class Program:
    """A running child."""

    process: asyncio.subprocess.Process
    log: Path

    @classmethod
    async def start(cls, command: Command) -> "Program":
        """Start it in a session of its own, so that Ctrl-C reaches the launcher only, which drains in order."""
        bound_log(command.log)
        with command.log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command.arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT,
                env=dict(command.environment), pass_fds=command.inherited, start_new_session=True,
            )  # fmt: skip
        return cls(process, command.log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def wait(self) -> int:
        """Return its exit code once it has ended; negative for a signal."""
        return await self.process.wait()

    async def stop(self, seconds: float) -> bool:
        """Ask it to end, wait, then kill it; tell whether it ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.wait(), seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wait(), KILL_WAIT_SECONDS)
            return False
        return True


def bound_log(path: Path, limit_bytes: int = LOG_BYTES) -> None:
    """Keep a log file and one before it below a size; its writer appends, so it may be cut while it is open."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > limit_bytes:
            before = path.with_suffix(".1.log")
            before.write_bytes(path.read_bytes())
            os.truncate(path, 0)


def last_line(path: Path, within_bytes: int = 4096) -> str:
    """Return the last line of a log that is not blank, cut to what fits a terminal; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - within_bytes))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
