"""Builds the encoder's ONNX graph from MiniLM's weights: exact-length batches, static int8, no padding, no mask.

A batch holds texts of one token length, and activation scales are constants of the graph. So nothing in a text's vector
depends on its neighbours (invariant 7), which ONNX Runtime's dynamic quantisation cannot promise: it takes one
activation scale per tensor, that is per batch. Weights keep 7 bits: two products then fit the 16 bits that AVX2 sums
them in, and machines with and without VNNI agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Floats = npt.NDArray[np.float32]
WEIGHT_LEVELS: Final = 63
POOL_GRID: Final = 4096.0
MICROSOFT: Final = "com.microsoft"
OPSET: Final = 17
IR_VERSION: Final = 9


@dataclass(frozen=True)
class ActivationRange:
    """Lowest and highest value an activation is represented with; what lies outside is clipped."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        """The value of one of 255 steps."""
        return max(self.high - self.low, 1e-6) / 255

    @property
    def zero_point(self) -> int:
        """The step that stands for 0.0."""
        return int(np.clip(round(-self.low / self.scale), 0, 255))


@dataclass(frozen=True)
class EncoderShape:
    """The dimensions that the weights do not tell."""

    layers: int
    heads: int
    epsilon: float


@dataclass
class GraphBuilder:
    """Collects nodes and constants. With `ranges` every linear layer is int8, without them the graph is float32."""

    weights: Mapping[str, Floats]
    shape: EncoderShape
    ranges: Mapping[str, ActivationRange] | None = None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    observed: list[str] = field(default_factory=list)

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Keep a constant under a name and return the name."""
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def add(
        self, kind: str, inputs: list[str], output: str, *, domain: str = "", **attributes: int | float | list[int]
    ) -> str:
        """Append a node with one output and return the output's name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def linear(self, entering: str, names: list[str], output: str) -> str:
        """Multiply by the weights of one or several layers side by side, and add their biases."""
        weight = np.concatenate([self.weights[f"{name}.weight"] for name in names]).T
        bias = self.constant(f"{output}.bias", np.concatenate([self.weights[f"{name}.bias"] for name in names]))
        self.observed.append(entering)
        if self.ranges is None:
            product = self.add("MatMul", [entering, self.constant(f"{output}.weight", weight)], f"{output}.product")
            return self.add("Add", [product, bias], output)
        return self._int8_linear(entering, weight, bias, output, covered=self.ranges[entering])

    def _int8_linear(self, entering: str, weight: Floats, bias: str, output: str, *, covered: ActivationRange) -> str:
        scale = self.constant(f"{entering}.scale", np.float32(covered.scale))
        zero = self.constant(f"{entering}.zero", np.uint8(covered.zero_point))
        column_scale = np.maximum(np.abs(weight).max(axis=0), 1e-8) / WEIGHT_LEVELS
        steps = np.round(weight / column_scale).astype(np.int8)
        quantised = self.add("QuantizeLinear", [entering, scale, zero], f"{output}.entering")
        weight_name = self.constant(f"{output}.weight", steps)
        weight_scale = self.constant(f"{output}.weight_scale", column_scale.astype(np.float32))
        inputs = [quantised, weight_name, scale, weight_scale, zero, "", bias]
        return self.add("MatMulIntegerToFloat", inputs, output, domain=MICROSOFT)

    def normalised(self, entering: str, name: str, output: str) -> str:
        """Normalise the layer."""
        gamma = self.constant(f"{name}.weight", self.weights[f"{name}.weight"])
        beta = self.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        inputs = [entering, gamma, beta]
        return self.add("LayerNormalization", inputs, output, axis=-1, epsilon=self.shape.epsilon)

    def added(self, entering: str, skipped: str, name: str, output: str) -> str:
        """Add the skipped connection and normalise; apart, for the fused operator is seven times slower on a CPU."""
        return self.normalised(self.add("Add", [entering, skipped], f"{output}.sum"), name, output)

    def embedded(self) -> str:
        """Look up words (kept as int8 with one scale a word) and positions."""
        words = self.weights["embeddings.word_embeddings.weight"]
        row_scale = (np.maximum(np.abs(words).max(axis=1, keepdims=True), 1e-8) / 127).astype(np.float32)
        steps = self.constant("words", np.round(words / row_scale).astype(np.int8))
        looked_up = self.add("Gather", [steps, "input_ids"], "word_steps")
        scales = self.add("Gather", [self.constant("word_scales", row_scale), "input_ids"], "word_scale")
        as_float = self.add("Cast", [looked_up], "word_floats", to=TensorProto.FLOAT)
        word = self.add("Mul", [as_float, scales], "word")
        kind = self.weights["embeddings.token_type_embeddings.weight"][:1]
        positions = self.constant("positions", self.weights["embeddings.position_embeddings.weight"] + kind)
        shape = self.add("Shape", ["input_ids"], "length", start=1, end=2)
        zero, axis = self.constant("zero", np.array([0])), self.constant("axis", np.array([0]))
        position = self.add("Slice", [positions, zero, shape, axis], "position")
        both = self.add("Add", [word, position], "word_and_position")
        return self.normalised(both, "embeddings.LayerNorm", "embedded")

    def layer(self, entering: str, number: int) -> str:
        """Append one transformer layer and return its output."""
        source, here = f"encoder.layer.{number}", f"layer{number}"
        attention = f"{source}.attention"
        names = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
        joined = self.linear(entering, names, f"{here}.qkv")
        parts = [f"{here}.query", f"{here}.key", f"{here}.value"]
        self.nodes.append(helper.make_node("Split", [joined], parts, name=f"{here}.split", axis=2))
        heads = self.shape.heads
        mixed = self.add("MultiHeadAttention", parts, f"{here}.mixed", domain=MICROSOFT, num_heads=heads)
        projected = self.linear(mixed, [f"{attention}.output.dense"], f"{here}.projected")
        attended = self.added(projected, entering, f"{attention}.output.LayerNorm", f"{here}.attended")
        widened = self.linear(attended, [f"{source}.intermediate.dense"], f"{here}.widened")
        active = self.add("Gelu", [widened], f"{here}.active", domain=MICROSOFT)
        narrowed = self.linear(active, [f"{source}.output.dense"], f"{here}.narrowed")
        return self.added(narrowed, attended, f"{source}.output.LayerNorm", f"{here}.out")

    def _pooled(self, state: str) -> str:
        """Return the direction of the mean over tokens.

        ONNX Runtime adds in another order for one text than for several. On a grid of 1/4096 the sum is exact in
        float32, and then the order does not matter; the direction of the sum is the direction of the mean.
        """
        grid = self.constant("pool.grid", np.float32(POOL_GRID))
        steps = self.add("Round", [self.add("Mul", [state, grid], f"{state}.fine")], f"{state}.steps")
        axes = self.constant("pool.axes", np.array([1]))
        total = self.add("ReduceSum", [steps, axes], f"{state}.total", keepdims=0)
        return self.add("LpNormalization", [total], f"{state}.pooled", axis=-1, p=2)

    def build(self) -> onnx.ModelProto:
        """Return the model: `input_ids` [texts, tokens] to `vectors` [texts, 2 x width], both halves of length 1."""
        state = self.embedded()
        for number in range(self.shape.layers):
            state = self.layer(state, number)
        # The words' own mean beside the last layer's costs nothing and keeps what few layers blur.
        parts = [self._pooled(entering) for entering in ("embedded", state)]
        self.add("Concat", parts, "vectors", axis=1)
        width = len(parts) * self.weights["embeddings.LayerNorm.weight"].shape[0]
        entry = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["texts", "tokens"])
        exits = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", width])]
        if self.ranges is None:
            exits += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.observed]
        graph = helper.make_graph(self.nodes, "encoder", [entry], exits, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
