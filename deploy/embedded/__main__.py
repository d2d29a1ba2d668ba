"""`python -m deploy.embedded`: starts Earshot on this machine in the foreground."""

import argparse
import sys

from pydantic import ValidationError

from deploy.embedded.app import Launch
from deploy.embedded.home import HomeInUseError
from deploy.embedded.settings import LauncherSettings, OwnKafkaSettings, settings_problems
from shared.errors import ConfigurationError, EarshotError

EXIT_FAILED, EXIT_CONFIGURATION, EXIT_IN_USE = 1, 2, 3


def main() -> int:
    """Run until stopped; the exit code tells a supervisor why it ended."""
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="stop when the parent (make) is interrupted or dies")
    arguments = parser.parse_args()
    try:
        Launch(LauncherSettings(), OwnKafkaSettings(), with_parent=arguments.with_parent).run()
    except ValidationError as error:
        return _fail(settings_problems(error), EXIT_CONFIGURATION)
    except ConfigurationError as error:
        return _fail(str(error), EXIT_CONFIGURATION)
    except HomeInUseError as error:
        return _fail(str(error), EXIT_IN_USE)
    except EarshotError as error:
        return _fail(str(error), EXIT_FAILED)
    return 0


def _fail(told: str, code: int) -> int:
    sys.stderr.write(f"{told}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
