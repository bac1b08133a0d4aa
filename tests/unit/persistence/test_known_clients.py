"""What a process remembers of the clients only ever grows newer."""

import logging

import pytest

from consent_service.errors import ClientsNotVouchedFor
from consent_service.persistence.access.client_set import ClientSet
from consent_service.persistence.access.epoch import KnownClients


def keep(known: KnownClients, epoch: int) -> None:
    known.keep((epoch, b"mac"), ClientSet(epoch, {}, {}))


def newest(known: KnownClients) -> int | None:
    return None if known.newest is None else known.newest[1].epoch


def test_the_largest_number_that_was_told_counts() -> None:
    known = KnownClients()
    known.expect(7)
    known.expect(3)
    assert known.least == 7
    keep(known, 6)
    assert newest(known) is None
    keep(known, 7)
    assert newest(known) == 7


def test_a_newer_set_that_another_thread_met_stays() -> None:
    known = KnownClients()
    keep(known, 8)
    keep(known, 6)
    assert (newest(known), known.least) == (8, 8)


def test_an_alarm_sounds_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    known = KnownClients(lambda: now[0])
    for now[0] in (0.0, 1.0, 59.0, 60.0, 61.0):
        known.alarm(ClientsNotVouchedFor("a row"))
    assert [one.levelno for one in caplog.records] == [logging.CRITICAL] * 2
