"""Starts a program that dies with its parent: `python -I -S leash.py <parent pid> <program> <arguments...>`.

A tiny program of its own rather than code between fork and exec, which is unsafe in a process with threads.
Linux only does the killing; elsewhere the launcher's leftovers are ended at its next start. Standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            # The parent died before the leash was on.
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  # the launcher's own command, no shell


if __name__ == "__main__":
    main()
