import random

from services.metrics.core.silos import MIN_SIMILARITY, Question, asked_twice, words


def a_question(number: int, department: str, text: str) -> Question:
    return Question(f"web:{number}", department, words(text))


def test_case_links_mentions_and_punctuation_do_not_make_another_question() -> None:
    (found,) = asked_twice([
        a_question(1, "sales", "@acme Where is my invoice?? https://x.example/1"),
        a_question(2, "billing", "where is my INVOICE"),
    ])  # fmt: skip
    assert (found.ids, found.departments, found.similarity) == (["web:1", "web:2"], ["billing", "sales"], 1.0)


def test_one_department_two_words_or_another_question_are_nothing() -> None:
    assert asked_twice([a_question(1, "sales", "where is it"), a_question(2, "sales", "where is it")]) == []
    assert asked_twice([a_question(1, "sales", "thank you"), a_question(2, "billing", "thank you")]) == []
    assert asked_twice([a_question(1, "sales", "where is my bike"), a_question(2, "billing", "who sold my car")]) == []


def test_every_similar_pair_is_found_and_no_other() -> None:
    for seed in range(30):
        draw = random.Random(seed)
        asked = [
            Question(
                f"web:{number}", draw.choice(["a", "b"]), frozenset(draw.sample("abcdefghijkl", draw.randint(3, 11)))
            )
            for number in range(25)
        ]
        linked = {
            frozenset((one.id, other.id))
            for one in asked
            for other in asked
            if one is not other and len(one.words & other.words) / len(one.words | other.words) >= MIN_SIMILARITY
        }
        groups = {each.id: {each.id} for each in asked}
        for pair in linked:
            joined = set().union(*(groups[each] for each in pair))
            for each in joined:
                groups[each] = joined
        desks = {each.id: each.department for each in asked}
        expected = {frozenset(group) for group in groups.values() if len({desks[each] for each in group}) > 1}
        assert {frozenset(each.ids) for each in asked_twice(asked)} == expected
