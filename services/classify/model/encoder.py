"""Prepared texts to vectors with ONNX Runtime on the CPU: no network, no torch."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from services.classify.model.artefact import ENCODER, TOKENIZER, Artefact

Vectors = npt.NDArray[np.float32]
TOKENS_PER_RUN: Final = 2_048
"""About what stays in a core's cache while a batch runs through the layers."""


class Encoder(Protocol):
    """Texts to vectors of one width."""

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text, in order; a row depends on its text alone."""


class OnnxEncoder:
    """Runs texts of the same token length together: nothing is padded, so neighbours cannot matter."""

    def __init__(self, model: Path, tokenizer: Path, *, max_tokens: int, width: int, threads: int = 0) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)
        options = onnxruntime.SessionOptions()
        # A run is small: two runs side by side keep two cores busier than two threads that share one run.
        options.intra_op_num_threads = 1
        # Spinning threads win microseconds here and take a core from the other services on a small machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._width = width
        self._workers = ThreadPoolExecutor(threads or os.cpu_count() or 1, "encoder")

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """See Encoder.vectors."""
        found = np.zeros((len(texts), self._width), dtype=np.float32)
        runs = list(self._runs(texts))
        for (positions, _), vectors in zip(runs, self._workers.map(self._run, (ids for _, ids in runs)), strict=True):
            found[positions] = vectors
        return found

    def _run(self, ids: npt.NDArray[np.int64]) -> Vectors:
        vectors: Vectors = self._session.run(["vectors"], {"input_ids": ids})[0]
        return vectors

    def _runs(self, texts: Sequence[str]) -> Iterator[tuple[list[int], npt.NDArray[np.int64]]]:
        """Yield positions and token ids of texts that have one length."""
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for position, encoding in enumerate(self._tokenizer.encode_batch_fast(list(texts))):
            by_length[len(encoding.ids)].append((position, encoding.ids))
        for length, group in sorted(by_length.items()):
            step = max(1, TOKENS_PER_RUN // length)
            for start in range(0, len(group), step):
                part = group[start : start + step]
                yield [position for position, _ in part], np.array([ids for _, ids in part], dtype=np.int64)


def artefact_encoder(artefact: Artefact, *, threads: int = 0) -> OnnxEncoder:
    """Return the encoder of an artefact."""
    shape = artefact.manifest.encoder
    return OnnxEncoder(
        artefact.folder / ENCODER,
        artefact.folder / TOKENIZER,
        max_tokens=shape.max_tokens,
        width=shape.vector_width,
        threads=threads,
    )
