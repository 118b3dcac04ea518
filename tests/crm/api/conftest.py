"""A key for the front door, and a door that looks at its queue anew."""

import pytest

from crm.audit.rules import System
from crm.sources import actions
from tests import factories
from tests.factories import NOW


@pytest.fixture(autouse=True)
def _fresh_look():
    actions.look_again()
    yield
    actions.look_again()


@pytest.fixture
def key(db: None) -> str:
    return actions.create_write_key(factories.source("Web app"), at=NOW, by=System("test"))[1]
