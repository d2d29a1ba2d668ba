"""The page of a model card says what its manifest says."""

from pathlib import Path

import pytest

from services.classify.model.artefact import load_artefact
from services.classify.settings import SHIPPED_ARTEFACT
from services.classify.training.card import PICTURE, page, write_page
from services.classify.training.datasets import REAL_NAME

CARD = load_artefact(SHIPPED_ARTEFACT).card
DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_in_the_documents_is_the_one_of_the_shipped_artefact(tmp_path: Path) -> None:
    write_page(CARD, tmp_path)
    for name in ("model-card.md", PICTURE):
        assert (DOCS / name).read_text(encoding="utf-8") == (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("head", ["department", "intent", "sentiment"])
def test_the_page_states_every_label_with_its_recall(head: str) -> None:
    lines = page(CARD).splitlines()
    for label, found in CARD["scores"][REAL_NAME][head]["labels"].items():
        row = f"| {label} | {found['texts']} | {found['precision']} | {found['recall']} | {found['f1']} |"
        assert row in lines


def test_the_confusion_table_counts_every_text_once() -> None:
    found = CARD["scores"][REAL_NAME]["intent"]
    assert sum(map(sum, found["confusion"])) == found["texts"]


def test_the_picture_has_one_diagram_a_head() -> None:
    assert (DOCS / PICTURE).read_text(encoding="utf-8").count('class="frame"') == 3
