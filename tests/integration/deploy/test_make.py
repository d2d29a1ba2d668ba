"""`make up` and the launcher end together, whichever of them a signal reaches, with nothing lost and nobody left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, free_port
from tests.integration.deploy.launcher import PROGRAM, Launcher
from tests.waiting import eventually

pytestmark = pytest.mark.broker


def make_up(folder: Path) -> Launcher:
    """Run a Makefile with the recipe of ours over the small programs."""
    (folder / "program.py").write_text(PROGRAM.replace("\n).run()", "\n    with_parent=True,\n).run()"))
    (folder / "Makefile").write_text(f"up:\n\t@exec {sys.executable} program.py\n")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A test run in the background of a shell ignores SIGINT, and make would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    port, output = free_port(), folder / "output.txt"
    settings = {"EARSHOT_HOME": str(folder / "home"), "EARSHOT_PORT": str(port), "PYTHONPATH": str(ROOT)}
    with output.open("ab") as file:
        process = subprocess.Popen(
            ["make", "up"], cwd=folder, stdout=file, stderr=file, env={**os.environ, **settings}, start_new_session=True
        )
    return Launcher(process, folder / "home", port, output)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_signal_that_reaches_only_make_drains_the_system(tmp_path: Path, number: signal.Signals) -> None:
    earshot = make_up(tmp_path)
    everybody: list[psutil.Process] = []
    try:
        earshot.until_ready()
        everybody = earshot.children()
        earshot.process.send_signal(number)
        earshot.process.wait(10)
        eventually(lambda: not [each for each in everybody if alive(each)], within_seconds=10)
        assert "everything accepted is stored" in earshot.told()
    finally:
        earshot.client.close()
        for each in everybody:
            if alive(each):
                each.kill()


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_ctrl_c_in_the_terminal_reaches_make_and_launcher_and_ends_clean(tmp_path: Path) -> None:
    earshot = make_up(tmp_path)
    try:
        earshot.until_ready()
        os.killpg(earshot.process.pid, signal.SIGINT)
        earshot.process.wait(10)
        assert "everything accepted is stored" in earshot.told()
    finally:
        earshot.client.close()


def test_the_recipe_of_up_is_the_one_tried_here() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nup: setup")[2].splitlines()[1]
    assert recipe == "\t@exec $(PY) -m deploy.embedded --with-parent"
