"""Who gets bytes when there are not enough."""

from __future__ import annotations

from mirrortui.nbd.budget import ALWAYS, Budget


class Client:
    def __init__(self) -> None:
        self.held = 0
        self.ready = True
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1


def test_up_to_the_limit_and_then_in_order() -> None:
    budget = Budget(10 * ALWAYS)
    first, second, third = Client(), Client(), Client()
    assert budget.take(9 * ALWAYS, first)
    assert not budget.take(5 * ALWAYS, second)
    assert not budget.take(ALWAYS, first), "it holds some, and somebody waits"
    budget.give(9 * ALWAYS, first)
    assert second.wakes
    assert not budget.take(2 * ALWAYS, third), "not before the second"
    assert budget.take(5 * ALWAYS, second)
    assert budget.take(2 * ALWAYS, first) or budget.take(2 * ALWAYS, third)
    assert budget.used <= 10 * ALWAYS


def test_one_claim_above_the_limit_passes_alone() -> None:
    budget = Budget(ALWAYS)
    first, second = Client(), Client()
    assert budget.take(8 * ALWAYS, first)
    assert not budget.take(8 * ALWAYS, second)
    budget.give(8 * ALWAYS, first)
    assert budget.take(8 * ALWAYS, second)


def test_a_little_for_everybody() -> None:
    budget = Budget(ALWAYS)
    clients = [Client() for _ in range(5)]
    assert all(budget.take(ALWAYS, client) for client in clients)
    assert not any(budget.take(1, client) for client in clients)


def test_who_cannot_go_on_is_passed_over_and_who_left_is_forgotten() -> None:
    budget = Budget(10 * ALWAYS)
    holder, stuck, gone, other = (Client() for _ in range(4))
    budget.take(5 * ALWAYS, holder)
    assert not budget.take(6 * ALWAYS, stuck)
    assert not budget.take(6 * ALWAYS, gone)
    stuck.ready = False
    budget.forget(gone)
    assert budget.take(2 * ALWAYS, other)
    budget.give(2 * ALWAYS, other)
    assert not gone.wakes
