"""The traffic tests' arithmetic: a loss, a double, a gap and a crowd are seen as such."""

from __future__ import annotations

import math

import pytest
from traffic.seen import Answer, Figures, Reader, Seen, Socket, crowd, percentile


@pytest.mark.parametrize(
    ("numbers", "lost", "doubled"),
    [([11, 12, 13], 0, 0), ([11, 13], 1, 0), ([11, 11, 12], 0, 1), ([15], 4, 0), ([11, 10], 0, 1)],
)
def test_a_reader_counts_what_is_missing_and_what_comes_twice(numbers: list[int], lost: int, doubled: int) -> None:
    reader = Reader(10)
    for number in numbers:
        reader.take(number)
    assert (reader.lost, reader.doubled) == (lost, doubled)


def answers(*ends: float, kind: str = "kept", release: str = "a") -> list[Answer]:
    """Return answers that took a tenth of a second."""
    return [Answer(kind, end - 0.1, end, release) for end in ends]


def test_the_gap_is_the_longest_time_without_a_fast_answer() -> None:
    seen = Seen(answers=answers(1, 2, 5, 6) + answers(3, 4, kind="slow"))
    assert seen.gap() == 3
    assert Seen(answers=answers(1, 6), stalls=[(0, 1.5), (4, 5), (7, 8)]).gap() == 3.5  # they hung themselves
    assert Seen().gap() == math.inf  # nobody was answered: no proof that there was no gap


def test_a_request_belongs_to_the_phase_in_which_it_began() -> None:
    seen = Seen(answers=answers(1, 2.05, 3, 4), marks=[(0, "before"), (2, "during"), (3.5, "after")])
    assert [[answer.ended for answer in seen.fast(phase)] for phase in ("before", "during", "after")] == [
        [1, 2.05],
        [3],
        [4],
    ]


def test_a_drain_lasts_from_the_new_releases_first_answer_to_the_olds_last_sign_of_life() -> None:
    socket = Socket(closes=[(14, 1012)])
    seen = Seen(
        answers=[
            *answers(1, 2, release="a"),
            *answers(10, 30, release="b"),
            *answers(12, release="a"),
            *answers(31, 32, release="c"),
        ],
        sockets=[socket],
    )
    assert list(seen.releases()) == ["a", "b", "c"]
    assert seen.drains() == [4, 0]
    socket.closes.clear()
    assert seen.drains() == [2, 0]


def test_reconnects_are_counted_by_the_second_and_without_the_time_that_the_site_had_no_websockets() -> None:
    socket = Socket()
    socket.up()
    socket.closes.append((socket.opened[0], 1012))
    socket.up()
    assert len(socket.away) == 1
    socket.closes.append((socket.opened[1], 1012))
    socket.refused = True
    socket.up()
    assert len(socket.away) == 1
    assert crowd([1, 1.5, 1.9, 2.1, 7]) == 3
    assert crowd([]) == 0


def test_percentiles_are_ranks() -> None:
    assert [percentile(range(1, 101), part) for part in (0.5, 0.99, 1)] == [50, 99, 100]
    assert percentile([], 0.5) == 0


def test_figures_survive_the_way_through_a_file() -> None:
    seen = Seen(answers=answers(1, 2), failed=["kept: 502"], sockets=[Socket(closes=[(2, 1012)]), Socket()])
    seen.readers, seen.newest = [Reader(0)], 3
    seen.readers[0].lost = 3
    figures = seen.figures(deposits_lost=1, deposits_doubled=2)
    assert Figures(**figures.as_dict()) == figures
    assert (figures.requests, figures.failed, figures.updates_lost, figures.closes_per_socket) == (3, 1, 3, [0, 1])
    assert figures.row().startswith("| 0 | 3 | 1 | 1 / 2 | 3 / 0 | 1012: 1 |")
