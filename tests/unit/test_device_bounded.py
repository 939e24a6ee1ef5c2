"""What may never return is waited for so long, and no longer."""

from __future__ import annotations

import os
import threading
import time

import pytest

from mirrortui.device import bounded
from mirrortui.device.bounded import PROMPTLY, Inquirer, Survey, within


def test_what_is_prompt_is_returned_or_raised() -> None:
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 // 0)


def test_what_comes_too_late_is_given_to_who_cares() -> None:
    go_on, came = threading.Event(), threading.Event()
    late: list[int] = []

    def answer() -> int:
        go_on.wait(10)
        return 7

    def take(result: int) -> None:
        late.append(result)
        came.set()

    with pytest.raises(TimeoutError):
        within(0.01, answer, take)
    assert not late
    go_on.set()
    assert came.wait(10)
    assert late == [7]


def test_while_an_answer_is_due_nothing_else_is_asked() -> None:
    go_on = threading.Event()
    inquirer = Inquirer()
    assert inquirer.ask(lambda: "said", "unknown") == "said"
    assert inquirer.ask(lambda: str(go_on.wait(10)), "unknown") == "unknown"
    begun = time.monotonic()
    assert [inquirer.ask(lambda: "said", "unknown") for _ in range(100)] == ["unknown"] * 100
    assert time.monotonic() - begun < PROMPTLY, "the loop stood still once"
    go_on.set()
    deadline = time.monotonic() + 10
    while inquirer.ask(lambda: "said", "unknown") != "said":
        assert time.monotonic() < deadline


def test_a_file_is_closed_at_once_where_that_is_possible() -> None:
    reader, writer = os.pipe()
    bounded.close(writer)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_survey_gets_the_answers_that_come_and_asks_no_silent_one_twice() -> None:
    go_on, asked = threading.Event(), []
    survey: Survey[str] = Survey()

    def silent() -> str:
        asked.append("silent")
        go_on.wait(10)
        return "at last"

    questions = {"silent": silent, "quick": lambda: "here"}
    began = time.monotonic()
    assert survey.ask(questions, 0.05) == {"silent": None, "quick": "here"}
    assert survey.ask(questions, 0.05) == {"silent": None, "quick": "here"}
    assert time.monotonic() - began < 5
    assert asked == ["silent"]
    go_on.set()
    while not survey._open["silent"].ended:
        survey._open["silent"]._ended.wait(10)
    assert survey.ask(questions, 10) == {"silent": "at last", "quick": "here"}
