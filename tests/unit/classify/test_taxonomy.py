import pytest

from services.classify.core.taxonomy import of_words, plan
from shared.contracts.configuration import LabelDefinition
from shared.errors import ConfigurationError
from shared.service.configuration import parse_configuration

SHIPPED = ("support", "billing", "none")


def a_label(name: str, *examples: str) -> LabelDefinition:
    return LabelDefinition(name=name, description=f"all about {name}", examples=examples)


def test_a_new_name_is_added_and_a_shipped_one_keeps_its_place() -> None:
    found = plan("department", SHIPPED, [a_label("logistics", "where is it"), a_label("billing", "x")], replace=False)
    assert found.labels == ("support", "billing", "none", "logistics")
    assert found.kept == SHIPPED
    assert found.extended is True


def test_a_replaced_list_has_its_own_labels_and_keeps_shipped_ones_without_examples() -> None:
    found = plan("department", SHIPPED, [a_label("logistics", "where is it"), a_label("none")], replace=True)
    assert found.labels == ("logistics", "none")
    assert found.kept == ("none",)
    assert [each.name for each in found.own] == ["logistics"]
    assert found.extended is False


def test_examples_are_prepared_and_counted_once() -> None:
    found = plan("intent", SHIPPED, [a_label("a", "Where is IT?", "where is it?", "\x00")], replace=False)
    assert found.own[0].examples == ("where is it?",)


def test_too_few_examples_and_one_text_under_two_labels_are_told() -> None:
    six = [f"number {n}" for n in range(6)]
    wanted = plan("intent", SHIPPED, [a_label("a", *six, "Hi there"), a_label("b", "hi there", "two")], replace=False)
    told = [str(each) for each in of_words(wanted)]
    assert told == [
        "intent b: 2 examples; give 5 to 50 that differ",
        "intent a: has an example of b too: 'hi there'",
    ]


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("departments: [{name: a, description: one}, {name: a, description: two}]", "defined twice"),
        ("replace_intents: true", "replaces the shipped intents by 0"),
        ("departments: [{name: triage, description: one}]", "desk of posts that are unsure"),
    ],
)
def test_a_taxonomy_that_cannot_be_meant_stops_the_start(block: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        parse_configuration(f"taxonomy:\n  {block}\n", name="earshot.yaml")
