"""The places in the application."""

import threading

from serving import wait_for

from flask_modwsgi.worker.places import Places


def waiting(places: Places, count: int) -> None:
    wait_for(lambda: len(places._waiting) == count, 10, f"{count} that wait")


def test_first_come_first_served() -> None:
    places, order = Places(1), []
    assert places.take(0)

    def use(number: int) -> None:
        assert places.take(20)
        order.append(number)
        places.give_back()

    threads = [threading.Thread(target=use, args=[number], daemon=True) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        waiting(places, number + 1)
    places.give_back()
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    places, got = Places(1), []
    assert places.take(0)
    thread = threading.Thread(target=lambda: got.append(places.take(20)), daemon=True)
    thread.start()
    waiting(places, 1)
    places.give_back()
    assert not places.take(0)  # the place is the other's, even if that has not woken up yet
    thread.join(10)
    assert got == [True]


def test_who_gave_up_gets_no_place() -> None:
    places = Places(1)
    assert places.take(0)
    assert not places.take(0.01)
    places.give_back()
    assert places.take(0)
    assert not places.take(0)
