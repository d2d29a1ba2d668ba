"""The data folder: one launcher at a time, one key, a mark of a clean end; and what a killed launcher left behind."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.embedded.home import Home, HomeInUseError
from deploy.embedded.leftovers import ChildRecord, end_leftovers, record_of, remember
from deploy.embedded.program import bound_log, last_line
from shared.errors import PermanentError

URL = "http://127.0.0.1:8000"


def test_a_second_start_on_the_same_folder_is_told_who_holds_it(tmp_path: Path) -> None:
    with Home(tmp_path).locked(URL), pytest.raises(HomeInUseError) as caught:  # noqa: SIM117
        with Home(tmp_path).locked("http://127.0.0.1:9000"):
            pytest.fail("two launchers own one folder")
    assert f"as process {os.getpid()} at {URL}" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_the_lock_of_a_process_that_is_gone_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "url": "http://127.0.0.1:1"}')
    with Home(tmp_path).locked(URL):
        assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()
    with Home(tmp_path).locked(URL):
        pass


def test_a_data_folder_that_cannot_be_written_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PermanentError, match="EARSHOT_HOME"), Home(tmp_path / "file" / "home").locked(URL):
        pass


def test_a_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path)
    key = home.api_key()
    assert len(key) > 32
    assert home.api_key() == key
    assert (tmp_path / "api-key").stat().st_mode & 0o777 == 0o600


def test_two_folders_have_two_keys(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert Home(tmp_path / "a").api_key() != Home(tmp_path / "b").api_key()


def test_the_mark_of_a_clean_end_is_taken_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not home.take_clean_mark()
    home.mark_clean()
    assert home.take_clean_mark()
    assert not home.take_clean_mark()


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)  # leftover-of-a-test"])


def test_a_child_that_outlived_its_launcher_is_ended(tmp_path: Path) -> None:
    with sleeper() as child:
        record = record_of("classify", child.pid, "leftover-of-a-test")
        assert record is not None
        remember(tmp_path / "children.json", [record])
        assert end_leftovers(tmp_path / "children.json") == ["classify"]
        assert not psutil.pid_exists(child.pid)
    assert not (tmp_path / "children.json").exists()


def test_a_process_that_got_the_number_of_a_dead_child_is_let_be(tmp_path: Path) -> None:
    with sleeper() as stranger:
        started = psutil.Process(stranger.pid).create_time()
        records = [
            ChildRecord("classify", stranger.pid, started - 3600, "leftover-of-a-test"),
            ChildRecord("metrics", stranger.pid, started, "-m services.metrics"),
        ]
        remember(tmp_path / "children.json", records)
        assert end_leftovers(tmp_path / "children.json") == []
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"pid": 1}]', "\x00"])
def test_a_torn_record_of_children_does_not_stop_a_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "children.json").write_text(content)
    assert end_leftovers(tmp_path / "children.json") == []


def test_a_log_is_cut_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "classify.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * 2_000 + b"\n")
        bound_log(path, limit_bytes=1_000)
        writer.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "classify.1.log").stat().st_size == 2_001


def test_the_last_words_of_a_log_are_its_last_line_that_is_not_blank(tmp_path: Path) -> None:
    path = tmp_path / "classify.log"
    assert last_line(path) == ""
    path.write_text("first\nlast words\n\n  \n")
    assert last_line(path) == "last words"
