"""Settings of the classify service, read once from the environment; see .env.example."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

SHIPPED_ARTEFACT = Path(__file__).with_name("artefact")


class ClassifySettings(BaseSettings):
    """Which model scores, and how the worker batches."""

    model_config = SettingsConfigDict(env_prefix="CLASSIFY_", frozen=True, env_ignore_empty=True)

    backend: Literal["onnx", "sentence-transformers"] = Field(
        default="onnx",
        description="onnx = the shipped artefact; sentence-transformers = any encoder, GPU if there is one.",
    )
    artefact: Path = Field(default=SHIPPED_ARTEFACT, description="Folder of the artefact.")
    model: str = Field(
        default="sentence-transformers/all-MiniLM-L6-v2",
        min_length=1,
        description="Name or path of the encoder; only for the backend sentence-transformers.",
    )
    sure_precision: Literal["0.80", "0.85", "0.90", "0.95"] = Field(
        default="0.95",
        description="How often department and intent of a post that is not `unsure` shall each be right; less means "
        "fewer posts in triage.",
    )
    threads: int = Field(default=0, ge=0, le=256, description="Threads of the encoder; 0 = one per core.")
    remembered_texts: int = Field(
        default=20_000, ge=0, le=5_000_000, description="Texts whose scores are kept in memory, about 1 KB each."
    )
    batch_max_records: int = Field(default=1_000, ge=1, le=20_000, description="Records one batch holds at most.")
    batch_max_bytes: int = Field(default=16 << 20, ge=1 << 20, description="Bytes one batch holds at most.")
    batch_max_age_seconds: float = Field(default=0.05, ge=0, le=60, description="How long a record waits for others.")
