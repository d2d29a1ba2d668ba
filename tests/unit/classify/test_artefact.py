import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.classify.core.labels import HEAD_NAMES, TAXONOMY
from services.classify.model.artefact import (
    ENCODER,
    HEADS,
    MANIFEST,
    TOKENIZER,
    Floats,
    load_artefact,
    sha256_of,
    write_manifest,
)
from services.classify.settings import SHIPPED_ARTEFACT
from shared.errors import ContractError

WIDTH = 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The smallest folder that has everything: real heads of width 8, and files whose bytes only the checksum reads."""
    (tmp_path / ENCODER).write_bytes(b"encoder")
    (tmp_path / TOKENIZER).write_bytes(b"tokenizer")
    write_heads(tmp_path, WIDTH)
    encoder = {"name": "e", "layers": 1, "inner_width": 4, "vector_width": WIDTH, "max_tokens": 16}
    heads = {name: {"labels": TAXONOMY[name], "threshold": 0.4, "temperature": 1.0} for name in HEAD_NAMES}
    write_manifest(tmp_path, {"model": "test.1", "encoder": encoder, "heads": heads})
    return tmp_path


def write_heads(folder: Path, width: int) -> None:
    arrays: dict[str, Floats] = {f"{name}.weight": np.zeros((len(TAXONOMY[name]), width)) for name in HEAD_NAMES}
    arrays |= {f"{name}.bias": np.zeros(len(TAXONOMY[name])) for name in HEAD_NAMES}
    np.savez(folder / HEADS, allow_pickle=False, **arrays)


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    change(content)
    (folder / MANIFEST).write_text(json.dumps(content))


def test_a_whole_artefact_is_loaded(folder: Path) -> None:
    artefact = load_artefact(folder)
    assert artefact.manifest.model == "test.1"
    assert artefact.heads.department.labels == TAXONOMY["department"]
    assert artefact.weights["intent"].weight.shape == (11, WIDTH)


@pytest.mark.parametrize("name", [ENCODER, TOKENIZER, HEADS])
def test_one_changed_byte_is_found_by_its_checksum(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes() + b"x")
    with pytest.raises(ContractError, match=rf"{name}.*checksum differs.*Restore"):
        load_artefact(folder)


@pytest.mark.parametrize("name", [ENCODER, TOKENIZER, HEADS])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ContractError, match=f"lacks {name}"):
        load_artefact(folder)


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"manifest\.json cannot be read.*Restore"):
        load_artefact(tmp_path)


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_format_version_is_refused(folder: Path, version: object) -> None:
    change_manifest(folder, lambda content: content.update(format_version=version))
    with pytest.raises(ContractError, match="this code reads format 1"):
        load_artefact(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format_version": 1}'])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    with pytest.raises(ContractError):
        load_artefact(folder)


def test_heads_that_do_not_fit_the_manifest_are_refused(folder: Path) -> None:
    write_heads(folder, WIDTH + 1)
    change_manifest(folder, lambda content: content["files"].update({HEADS: sha256_of(folder / HEADS)}))
    with pytest.raises(ContractError, match="the manifest says"):
        load_artefact(folder)


def test_pickled_heads_are_refused(folder: Path) -> None:
    pickled = {"department.weight": np.array([{"a": 1}], dtype=object)}
    np.savez(folder / HEADS, allow_pickle=True, **pickled)
    change_manifest(folder, lambda content: content["files"].update({HEADS: sha256_of(folder / HEADS)}))
    with pytest.raises(ContractError, match="plain arrays"):
        load_artefact(folder)


def test_the_shipped_artefact_is_whole_and_small_enough_to_ship(tmp_path: Path) -> None:
    artefact = load_artefact(SHIPPED_ARTEFACT)
    assert {name: tuple(each.labels) for name, each in artefact.manifest.heads.items()} == TAXONOMY
    assert sum(file.stat().st_size for file in SHIPPED_ARTEFACT.iterdir()) <= 26 << 20
    assert artefact.manifest.scores["real_posts_labelled_by_us"]
    # It works from any folder: nothing in it names where it was made.
    shutil.copytree(SHIPPED_ARTEFACT, tmp_path / "elsewhere")
    assert load_artefact(tmp_path / "elsewhere").manifest == artefact.manifest
