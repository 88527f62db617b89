"""show.exercises: what an exercise says to right, wrong, empty and broken answers."""

import numpy as np
import pytest

from glyphnb import GlyphnbError
from glyphnb.show.exercises import Exercise

SQUARE = Exercise(
    lambda x: x**2, {"doubled": lambda x: 2 * x}, probes=[(np.array([1.0, 3.0]),), (5.0,)]
)


@pytest.mark.parametrize(
    "right, answer, right_or_not, said",
    [
        (2.5, 2.5001, True, "Right"),
        (2.5, np.float32(2.5), True, "Right"),
        (2.5, 2.7, False, "too large"),
        (2.5, -2.5, False, "sign"),
        (2.5, "two", False, "numbers"),
        (2.5, np.nan, False, "not finite"),
        (2.5, None, None, "No answer yet"),
        (2.5, ..., None, "No answer yet"),
        ((2, 3), (2, 3, 4), False, "shape"),
        (np.array([1.0, 2.0]), [3.0, 6.0], False, "3 times"),
        ("KL", "kl", False, "another answer"),
        ({"a": 1}, {"a": 1.0}, True, "Right"),
        ({"a": 1}, {"b": 1}, False, "another answer"),
        ({"x", "y"}, {"y", "x"}, True, "Right"),
        (True, 1, False, "Not yet"),
    ],
)
def test_answers_that_are_values(right, answer, right_or_not, said):
    verdict = Exercise(right)(answer)
    assert verdict.right is right_or_not and said in verdict.text
    assert "\n" not in repr(verdict)


@pytest.mark.parametrize(
    "answer, right_or_not, said",
    [
        (lambda x: x * x, True, "Right"),
        (lambda x: 2 * x, False, "doubled"),
        (lambda x: x + x, False, "doubled"),
        (lambda x: 1 / 0, False, "ZeroDivisionError"),
        (lambda x: None, None, "returns nothing"),
        (lambda: 4, False, "TypeError"),
        (9, False, "expected a function"),
    ],
)
def test_answers_that_are_functions(answer, right_or_not, said):
    verdict = SQUARE(answer)
    assert verdict.right is right_or_not and said in verdict.text


def test_an_answer_that_changes_its_argument_is_judged_on_its_own_copy():
    def answer(x):
        x **= 2
        return x

    assert SQUARE(answer).right and SQUARE(answer).right
    assert SQUARE.probes[0][0].tolist() == [1, 3]


def test_a_judge_says_what_is_wrong_and_survives_any_answer():
    even = Exercise(judge=lambda n: "" if n % 2 == 0 else f"{n} is odd", mistakes={"odd": 3})
    assert even(4).right and "5 is odd" in even(5).text
    assert "cannot be judged" in even("four").text and even("four").right is False


@pytest.mark.parametrize(
    "made",
    [
        lambda: Exercise(),
        lambda: Exercise(1, judge=bool),
        lambda: Exercise(abs),
        lambda: Exercise(1, {"the same": 1.0}),
    ],
)
def test_an_exercise_that_cannot_work_is_refused(made):
    with pytest.raises(GlyphnbError):
        made()


def test_a_chapter_cannot_offer_a_wrong_solution():
    with pytest.raises(AssertionError, match="not accepted"):
        SQUARE.check(lambda x: x**3)
    SQUARE.check(lambda x: x**2)
