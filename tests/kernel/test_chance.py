"""Randomness that is fetched for many at once is used once each, in a process and in its children."""

import os
from concurrent.futures import ThreadPoolExecutor

from tillkeeper.kernel import chance


def test_no_piece_is_drawn_twice_however_many_threads_draw() -> None:
    with ThreadPoolExecutor(8) as threads:
        drawn = list(threads.map(lambda _: chance.draw(), range(20_000)))
    assert len(set(drawn)) == len(drawn)
    assert {len(piece) for piece in drawn} == {chance.piece_bytes}


def test_a_child_draws_nothing_that_its_parent_fetched() -> None:
    chance.draw()  # so that there is something left of what was fetched
    here, there = os.pipe()
    if (child := os.fork()) == 0:
        os.write(there, b"".join(chance.draw() for _ in range(chance.fetched_pieces)))
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(here, chance.piece_bytes * chance.fetched_pieces)
    of_child = {told[at : at + chance.piece_bytes] for at in range(0, len(told), chance.piece_bytes)}
    assert len(of_child) == chance.fetched_pieces
    assert of_child.isdisjoint(chance.draw() for _ in range(chance.fetched_pieces))
