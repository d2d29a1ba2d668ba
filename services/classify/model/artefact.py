"""The artefact folder: manifest with checksums, ONNX encoder, tokenizer and heads. Loaded without pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.classify.core.labels import HEAD_NAMES, Head, Heads
from shared.errors import ContractError

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
ENCODER: Final = "encoder.onnx"
TOKENIZER: Final = "tokenizer.json"
HEADS: Final = "heads.npz"
FILES: Final = (ENCODER, TOKENIZER, HEADS)
REMEDY: Final = (
    "Restore services/classify/artefact/ from the repository, or train again: see services/classify/README.md."
)

DEFAULT_PRECISION: Final = "0.95"

Floats = npt.NDArray[np.float64]


class HeadManifest(BaseModel):
    """One head: its labels in the order of the weights' rows, its threshold and its temperature."""

    model_config = ConfigDict(frozen=True)

    labels: tuple[str, ...] = Field(min_length=2)
    threshold: float = Field(ge=0, le=1)
    temperature: float = Field(gt=0)
    target_precision: float | None = None
    precision: float | None = None
    coverage: float | None = None


class SurenessManifest(BaseModel):
    """The thresholds for one wanted precision, and both precisions and the share that is sure on the tuning posts."""

    model_config = ConfigDict(frozen=True)

    department: float = Field(ge=0, le=1)
    intent: float = Field(ge=0, le=1)
    department_precision: float
    intent_precision: float
    coverage: float


class EncoderManifest(BaseModel):
    """Where the encoder comes from and what it reads."""

    model_config = ConfigDict(frozen=True)

    name: str
    layers: int = Field(ge=1)
    inner_width: int = Field(ge=1)
    vector_width: int = Field(ge=1)
    max_tokens: int = Field(ge=8, le=512)


class Manifest(BaseModel):
    """The model card, and what is needed to check and use the other files."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format_version: int
    model: str = Field(min_length=1)
    encoder: EncoderManifest
    heads: dict[str, HeadManifest]
    files: dict[str, str]
    sureness: dict[str, SurenessManifest] = {}
    """By wanted precision, for example "0.90"; the heads hold the thresholds of the default."""
    training: dict[str, Any] = {}
    scores: dict[str, Any] = {}


@dataclass(frozen=True)
class Weights:
    """One linear head: weights [labels, vector width] and bias [labels]."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True)
class Artefact:
    """A checked artefact."""

    folder: Path
    manifest: Manifest
    weights: Mapping[str, Weights]

    @property
    def heads(self) -> Heads:
        """Labels and thresholds as the service knows them."""
        return Heads(**{name: Head(each.labels, each.threshold) for name, each in self.manifest.heads.items()})

    def with_precision(self, wanted: str) -> "Artefact":
        """Return the artefact with the thresholds of another wanted precision, under another model version.

        Raises ContractError when the manifest has none for it.
        """
        if wanted == DEFAULT_PRECISION:
            return self
        if (found := self.manifest.sureness.get(wanted)) is None:
            known = ", ".join(self.manifest.sureness) or "none"
            raise ContractError(f"The artefact in {self.folder} has thresholds for {known}, not for {wanted}. {REMEDY}")
        heads = dict(self.manifest.heads)
        for name, threshold in (("department", found.department), ("intent", found.intent)):
            heads[name] = heads[name].model_copy(update={"threshold": threshold})
        # The same text may be sure under one and unsure under another, so they are two versions (invariant 7).
        version = f"{self.manifest.model}+sure{wanted}"
        return replace(self, manifest=self.manifest.model_copy(update={"heads": heads, "model": version}))

    @property
    def card(self) -> Mapping[str, Any]:
        """The manifest as plain values."""
        return self.manifest.model_dump(mode="json")


def sha256_of(path: Path) -> str:
    """Return the hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_artefact(folder: Path) -> Artefact:
    """Return the artefact in a folder. Raises ContractError that says what is wrong and what to do."""
    manifest = _manifest(folder)
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise ContractError(f"The artefact in {folder} lacks {name}. {REMEDY}")
        if sha256_of(path) != manifest.files.get(name):
            raise ContractError(f"{path} is not the file its manifest names (checksum differs). {REMEDY}")
    return Artefact(folder, manifest, _weights(folder / HEADS, manifest))


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content.get("format_version") if isinstance(content, dict) else None
        if found != FORMAT_VERSION:
            raise ContractError(f"{path} has format {found!r}, this code reads format {FORMAT_VERSION}. {REMEDY}")
        manifest = Manifest.model_validate(content)
    except (OSError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise ContractError(f"{path} cannot be read as a manifest: {reason}. {REMEDY}") from error
    if tuple(manifest.heads) != HEAD_NAMES:
        raise ContractError(f"{path} has the heads {list(manifest.heads)}, expected {list(HEAD_NAMES)}. {REMEDY}")
    return manifest


def _weights(path: Path, manifest: Manifest) -> dict[str, Weights]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: Weights(arrays[f"{name}.weight"], arrays[f"{name}.bias"]) for name in HEAD_NAMES}
    except (OSError, ValueError, KeyError) as error:
        raise ContractError(f"{path} does not hold the heads as plain arrays: {error}. {REMEDY}") from error
    for name, each in found.items():
        expected = (len(manifest.heads[name].labels), manifest.encoder.vector_width)
        if each.weight.shape != expected or each.bias.shape != expected[:1]:
            raise ContractError(f"{path}: head {name} is {each.weight.shape}, the manifest says {expected}. {REMEDY}")
    return found


def write_manifest(folder: Path, content: Mapping[str, Any]) -> Manifest:
    """Write manifest.json with the checksums of the files beside it and return it."""
    files = {name: sha256_of(folder / name) for name in FILES}
    manifest = Manifest.model_validate({**content, "format_version": FORMAT_VERSION, "files": files})
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest
