import pytest

from services.classify.core.decide import decide
from services.classify.core.labels import DEPARTMENTS, INTENTS, SENTIMENTS
from services.classify.core.legible import legible
from services.classify.core.ports import Scores
from services.classify.core.text import prepare
from tests.unit.classify.fakes import shares, some_heads

FOREIGN = [
    "danke schön für nichts", "ich warte seit drei Wochen auf mein Paket",
    "Warum geht das Internet schon wieder nicht?",
    "muchas gracias", "El servicio es muy malo", "no me llega el paquete desde hace dias", "¿Dónde está mi pedido?",
    "je n'ai toujours pas reçu mon colis", "merci", "questo prodotto non funziona più", "obrigado",
    "mijn pakket is nog steeds niet aangekomen", "добрый день, где мой заказ", "商品が届きません",
    "لم يصل طلبي", "배송이 안 왔어요",
]  # fmt: skip
WITHOUT_WORDS = ["😀😀", "🔥 🔥 🔥", "!!!", "12345", "@acme https://acme.example/x", "h e l p", ":-)", "👍🏽 @acme"]
ENGLISH = [
    "omg ur app is sooo slow rn smh", "lol gr8 job @acme ... NOT", "thx", "ok", "my café order is cold, déjà vu", "wtf",
    "@acme why is my flight to São Paulo late again?", "Love it ❤️❤️❤️", "nah fam dis aint it", "refund pls", "Bro...",
    "The de facto standard, à la carte pricing at the Zürich store is what we want", "c'est la vie, I guess this is it",
    "ha ha ha", "Die Hard is on tv, so I was in bed", "need help with Müller order", "internet down in Los Angeles",
]  # fmt: skip


@pytest.mark.parametrize("text", FOREIGN)
def test_a_text_in_another_language_is_not_legible(text: str) -> None:
    assert legible(prepare(text)) is False


@pytest.mark.parametrize("text", WITHOUT_WORDS)
def test_a_text_without_words_is_not_legible(text: str) -> None:
    assert legible(prepare(text)) is False


@pytest.mark.parametrize("text", ENGLISH)
def test_slang_names_and_borrowed_words_are_legible(text: str) -> None:
    assert legible(prepare(text)) is True


def test_an_illegible_text_is_unsure_however_great_its_probabilities() -> None:
    scores = Scores(shares(DEPARTMENTS, "it", 0.99), shares(INTENTS, "praise", 0.99), shares(SENTIMENTS, "neutral", 1))
    assert decide(scores, some_heads(), "m").unsure is False
    assert decide(scores._replace(legible=False), some_heads(), "m").unsure is True
