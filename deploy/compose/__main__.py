"""`python -m deploy.compose secrets|topics`: what has to be there before a service starts. Runs, says so, and ends."""

import sys
import time
from collections.abc import Callable
from typing import Final

from deploy.compose.secret_files import write_secrets
from deploy.compose.settings import SecretsSettings, TopicsSettings
from shared.contracts.topics import TOPICS
from shared.errors import EarshotError, TransientError
from shared.service.settings import KafkaSettings
from shared.stream.kafka import KafkaAdmin

PATIENCE_SECONDS: Final = 60.0


def make_secrets() -> None:
    """Write the files and say where to go."""
    settings = SecretsSettings()
    made = write_secrets(settings)
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104  # compared, not bound
    url = f"http://{host}:{settings.port}"
    lines = [f"Earshot will be at {url} once all services are healthy; {url}/health/ready tells."]
    if made is None:
        lines.append(f"  sign in   {url}/queues/signin   with your EARSHOT_API_KEY")
    else:
        lines.append(f"  sign in   {url}/queues/signin#key={made}")
        lines.append(f"  key       {made}   (every scope; send it as Authorization: Bearer ...)")
    if settings.host != "127.0.0.1":
        lines.append("  warning   it is published beyond this machine, without TLS: put a TLS proxy before it")
    _say("\n".join(lines))


def make_topics() -> None:
    """Create the topics that are missing, waiting for the broker. Raises PermanentError, TransientError."""
    settings = TopicsSettings()
    admin = KafkaAdmin(KafkaSettings().address("earshot-setup"))
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            admin.create(
                TOPICS, replication=settings.replication_factor, min_insync_replicas=settings.min_insync_replicas
            )
            break
        except TransientError as error:
            admin.close()
            if time.monotonic() > until:
                raise
            _say(str(error))
            time.sleep(error.retry_after_seconds)
    admin.close()
    _say(f"topics are there: {', '.join(each.name for each in TOPICS)}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


PROGRAMS: Final[dict[str, Callable[[], None]]] = {"secrets": make_secrets, "topics": make_topics}


def main(arguments: list[str]) -> int:
    """Run one program; 2 with what is wrong when it cannot."""
    program = PROGRAMS.get(arguments[0]) if len(arguments) == 1 else None
    if program is None:
        sys.stderr.write(f"expected one of: {', '.join(PROGRAMS)}\n")
        return 2
    try:
        program()
    except (EarshotError, OSError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
