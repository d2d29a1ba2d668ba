"""Fine-tunes the cut encoder and its three heads together: one forward pass, soft targets, seeded; torch only here."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from rich.progress import Progress
from torch import nn
from torch.nn import functional

from services.classify.core.labels import TAXONOMY
from services.classify.model.artefact import Weights
from services.classify.model.heads import on_grid
from services.classify.training.graph import EncoderShape, Floats
from services.classify.training.targets import HeadTargets

WORDS: Final = "embeddings.word_embeddings.weight"
UNKNOWN_WORD: Final = 100
FIRST_ORDINARY_WORD: Final = 999
"""Below are the tokenizer's own signs, among them those that begin and end a text."""


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune; chosen on the tuning part only."""

    epochs: int = 5
    tokens_per_step: int = 3_072
    encoder_rate: float = 2.5e-4
    word_rate: float = 2.5e-4
    head_rate: float = 3e-3
    warm_up: float = 0.06
    dropout: float = 0.1
    lost_words: float = 0.05
    head_scale: float = 10.0
    bfloat16: bool = True
    """Multiply in bfloat16: a third quicker on processors that have it; weights stay in float32."""
    threads: int = 2
    seed: int = 7


@dataclass(frozen=True)
class Lesson:
    """What is learnt from: token ids per text, targets per head, and the epochs in which each text is seen."""

    ids: Sequence[Sequence[int]]
    targets: Mapping[str, HeadTargets]
    seen_in: Sequence[frozenset[int]]


class JointModel(nn.Module):  # type: ignore[misc]  # torch is known to mypy only where it is installed
    """The encoder of graph.py in float32 with three linear heads on its vectors."""

    def __init__(self, weights: Mapping[str, Floats], shape: EncoderShape, recipe: Recipe) -> None:
        super().__init__()
        self.shape, self.recipe = shape, recipe
        used = [name for name in weights if self._is_used(name)]
        self.names = {name: name.replace(".", "/") for name in used}
        self.parts = nn.ParameterDict(
            {key: nn.Parameter(torch.from_numpy(np.array(weights[name]))) for name, key in self.names.items()}
        )
        width = 2 * weights[WORDS].shape[1]
        self.heads = nn.ModuleDict({head: nn.Linear(width, len(labels)) for head, labels in TAXONOMY.items()})
        for head in self.heads.values():
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def _is_used(self, name: str) -> bool:
        if name.startswith("encoder.layer."):
            return int(name.split(".")[2]) < self.shape.layers
        return name.startswith("embeddings.") and name.endswith(("weight", "bias"))

    def _of(self, name: str) -> torch.Tensor:
        return self.parts[self.names[name]]

    def _linear(self, state: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(state, self._of(f"{name}.weight"), self._of(f"{name}.bias"))

    def _normalised(self, state: torch.Tensor, name: str) -> torch.Tensor:
        gamma, beta = self._of(f"{name}.weight"), self._of(f"{name}.bias")
        return functional.layer_norm(state, gamma.shape, gamma, beta, self.shape.epsilon)

    def _dropped(self, state: torch.Tensor) -> torch.Tensor:
        return functional.dropout(state, self.recipe.dropout, self.training)

    def _embedded(self, ids: torch.Tensor) -> torch.Tensor:
        word = functional.embedding(ids, self._of(WORDS), sparse=True)
        position = self._of("embeddings.position_embeddings.weight")[: ids.shape[1]]
        kind = self._of("embeddings.token_type_embeddings.weight")[0]
        return self._dropped(self._normalised(word + position + kind, "embeddings.LayerNorm"))

    def _layer(self, state: torch.Tensor, number: int) -> torch.Tensor:
        name = f"encoder.layer.{number}"
        texts, length, width = state.shape
        split = (texts, length, self.shape.heads, width // self.shape.heads)
        query, key, value = (
            self._linear(state, f"{name}.attention.self.{part}").view(split).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(state.shape)
        projected = self._linear(mixed, f"{name}.attention.output.dense")
        attended = self._normalised(projected + state, f"{name}.attention.output.LayerNorm")
        active = functional.gelu(self._linear(attended, f"{name}.intermediate.dense"))
        narrowed = self._linear(active, f"{name}.output.dense")
        return self._normalised(narrowed + attended, f"{name}.output.LayerNorm")

    def vectors(self, ids: torch.Tensor) -> torch.Tensor:
        """Return vectors [texts, 2 x width] of texts of one token length, as the exported graph does."""
        embedded = state = self._embedded(ids)
        for number in range(self.shape.layers):
            state = self._layer(state, number)
        return torch.cat([functional.normalize(each.mean(dim=1), dim=-1) for each in (embedded, state)], dim=1)

    def forward(self, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return logits per head."""
        vectors = self._dropped(self.vectors(ids)) * self.recipe.head_scale
        return {name: head(vectors) for name, head in self.heads.items()}

    def encoder_weights(self) -> dict[str, Floats]:
        """Return the encoder's weights under MiniLM's names."""
        return {name: self.parts[key].detach().numpy().copy() for name, key in self.names.items()}

    def head_weights(self) -> dict[str, Weights]:
        """Return the heads as the artefact stores them."""
        found = {}
        for name, head in self.heads.items():
            weight = head.weight.detach().double().numpy() * self.recipe.head_scale
            found[name] = Weights(on_grid(weight), on_grid(head.bias.detach().double().numpy()))
        return found


def _steps(lesson: Lesson, epoch: int, recipe: Recipe, rng: random.Random) -> Iterator[list[int]]:
    """Yield the texts of one step after the other: one token length each, in random order."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, ids in enumerate(lesson.ids):
        if epoch in lesson.seen_in[index]:
            by_length[len(ids)].append(index)
    steps: list[list[int]] = []
    for length, group in sorted(by_length.items()):
        rng.shuffle(group)
        size = max(1, recipe.tokens_per_step // length)
        steps.extend(group[start : start + size] for start in range(0, len(group), size))
    rng.shuffle(steps)
    return iter(steps)


def _loss(logits: Mapping[str, torch.Tensor], lesson: Lesson, step: list[int]) -> torch.Tensor:
    """Return the surprise summed over heads, each averaged over the texts that say something about it."""
    device = next(iter(logits.values())).device
    total = torch.zeros((), device=device)
    for name, values in logits.items():
        targets = lesson.targets[name]
        weights, shares = (torch.from_numpy(each[step]).to(device) for each in (targets.weights, targets.shares))
        surprise = -(shares * functional.log_softmax(values.float(), dim=1)).sum(dim=1)
        # Divided by the number of texts, not of speaking ones: a step with few of them must not shout.
        total = total + (surprise * weights).sum() / len(step)
    return total


class _Teacher:
    """Optimisers and the rate, which rises and then falls evenly."""

    def __init__(self, model: JointModel, recipe: Recipe, steps: int) -> None:
        words = model.parts[WORDS.replace(".", "/")]
        others = [each for each in model.parts.values() if each is not words]
        groups = [
            {"params": others, "lr": recipe.encoder_rate},
            {"params": list(model.heads.parameters()), "lr": recipe.head_rate},
        ]
        self._optimisers = [
            torch.optim.AdamW(groups, weight_decay=0.01),
            torch.optim.SparseAdam([words], recipe.word_rate),
        ]
        self._others = others
        warm = max(1, int(steps * recipe.warm_up))

        def share(step: int) -> float:
            return min((step + 1) / warm, max(0.0, (steps - step) / (steps - warm)))

        self._schedules = [torch.optim.lr_scheduler.LambdaLR(each, share) for each in self._optimisers]

    def step(self, loss: torch.Tensor) -> None:
        """Learn from one loss."""
        for each in self._optimisers:
            each.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._others, 1.0)
        for each in (*self._optimisers, *self._schedules):
            each.step()


def _with_lost_words(ids: torch.Tensor, share: float) -> torch.Tensor:
    """Return ids with some words unknown, so that no single word is leant on."""
    lost = (torch.rand(ids.shape, device=ids.device) < share) & (ids >= FIRST_ORDINARY_WORD)
    return ids.masked_fill(lost, UNKNOWN_WORD)


def fine_tune(weights: Mapping[str, Floats], shape: EncoderShape, lesson: Lesson, recipe: Recipe) -> JointModel:
    """Return the model after learning from the lesson; the same inputs on the same machine give the same model."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    rng = random.Random(recipe.seed)  # noqa: S311  # order of learning, not secrets
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = JointModel(weights, shape, recipe)
    model.to(device)
    epochs = [list(_steps(lesson, epoch, recipe, rng)) for epoch in range(recipe.epochs)]
    teacher = _Teacher(model, recipe, sum(map(len, epochs)))
    model.train()
    with Progress() as progress:
        task = progress.add_task("fine-tuning", total=sum(map(len, epochs)))
        for steps in epochs:
            for step in steps:
                ids = torch.tensor([lesson.ids[index] for index in step], device=device)
                with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
                    logits = model(_with_lost_words(ids, recipe.lost_words))
                teacher.step(_loss(logits, lesson, step))
                progress.advance(task)
    model.cpu().eval()
    return model
