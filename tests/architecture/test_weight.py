"""What a first visit transfers: every page with all that it loads, compressed as it is served, weighs little."""

import gzip
import re
from functools import cache
from pathlib import Path

import time_machine
from django.contrib.staticfiles import finders
from django.test import Client, TestCase

from tests.architecture.asking import address, expected, visits
from tests.architecture.matrix import ADMIN, URLS
from tests.architecture.test_matrix import admin_pages
from tests.company import NOW, Company, company

MOST = 100_000
UPLOT = "uPlot"


@cache
def file_weight(name: str) -> int:
    path = finders.find(name)
    assert path is not None, f"{name} is loaded but is not there"
    return len(gzip.compress(Path(path).read_bytes()))


def loaded(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="/static/([^"#?]+)', page))


@time_machine.travel(NOW)
class TestWeight(TestCase):
    made: Company

    @classmethod
    def setUpTestData(cls) -> None:
        cls.made = company()

    def test_no_page_transfers_more_than_a_hundred_kilobytes_on_the_first_visit(self) -> None:
        heavy, seen = {}, 0
        for role in "ORS":
            client = Client()
            client.force_login(self.made.users[role])
            paths = [address(self.made, line, visits(self.made, line)[0]) for line in URLS if self._opens(line, role)]
            if role == "O":
                asked = [each for row in ADMIN for each in admin_pages(row)]
                paths += [path for path, method, who in asked if method == "GET" and role in who]
            for path in paths:
                answer = client.get(path)
                if answer.streaming:
                    continue  # a file that is taken, not a page
                page = answer.content.decode()
                weight = len(gzip.compress(answer.content)) + sum(file_weight(name) for name in loaded(page))
                seen += 1
                if weight > MOST:
                    heavy[f"{path} as {role}"] = weight
                # Charts are drawn on the server; what draws in the browser comes only where it is waited for.
                assert (UPLOT in page) is ("data-uplot" in page), path
        assert heavy == {}
        assert seen > 150

    def _opens(self, line, role: str) -> bool:
        return expected(line.get, role, "team", visits(self.made, line)[0]) == 200
