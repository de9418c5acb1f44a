"""Faults of the whole in small: whatever befalls it, no message is lost, none comes twice beyond what is uncertain.

`leo bench faults` is the same with 2,000 messages each; docs/faults.md says what is promised.
"""

import pytest

from engine.bench import Place, disk, faults
from engine.bench.chaos import Toll
from engine.settings import Settings


@pytest.fixture
def place(settings: Settings, admin_url: str) -> Place:
    return Place(admin_url=admin_url, settings=settings, say=lambda _: None)


def _is_clean(toll: Toll | None, messages: int) -> bool:
    assert toll is not None
    return (toll.deliveries, toll.lost, toll.duplicates, toll.unlogged) == (messages, 0, 0, 0)


async def test_events_posted_to_an_api_that_is_killed_are_each_acted_on_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "KILLS", 2)
    toll = await faults.api_killed(place, 80)
    assert _is_clean(toll, 80)
    assert toll.uncertain == 0


async def test_over_a_slow_network_that_stalls_every_message_goes_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "STALL_S", 1.0)
    assert _is_clean(await faults.slow_network(place, 100), 100)


@pytest.mark.skipif(not disk.may_mount(), reason="only where this process may mount a tmpfs can a disk be filled")
async def test_a_full_disk_stops_the_work_and_with_room_it_goes_on(place: Place) -> None:
    toll = await faults.disk_full(place, 2_000)
    assert _is_clean(toll, 2_000)


@pytest.mark.skipif(faults.faketime() is None, reason="needs libfaketime; tests/engine/test_clock.py needs nothing")
async def test_workers_whose_clocks_are_an_hour_off_send_every_message_once(place: Place) -> None:
    toll = await faults.clocks_wrong(place, 150)
    assert toll is not None
    assert _is_clean(toll, 150)
    assert toll.uncertain == 0
