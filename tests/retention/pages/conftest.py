"""The clock of these tests stands still on a Wednesday morning."""

from collections.abc import Iterator

import pytest
import time_machine

from tests.retention.chain import NOW


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield
