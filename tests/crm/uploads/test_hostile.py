"""Over eighty files that mean harm or were ruined: a clear sentence each, and nothing half-applied."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase
from django.urls import reverse

from crm.accounts.models import Account
from crm.uploads.models import Upload
from tests import factories
from tests.crm.uploads import door
from tests.crm.uploads.hostile import ROW, TAKEN, WHOLE, cases


def test_there_are_over_eighty_different_ones() -> None:
    assert len({name for name, *_rest in cases()}) == len(cases()) > 80


class TestHostileFiles(TestCase):
    """One database for all; what went otherwise than expected is listed whole."""

    def setUp(self) -> None:
        self.client.force_login(factories.user("ops_admin"))

    def test_each_is_met_with_a_clear_sentence_and_nothing_half_applied(self) -> None:
        wrong = [
            f"{name}: {said}"
            for name, file, data, what, words in cases()
            if (said := self._said(file, data, what, words))
        ]
        assert wrong == []

    def _said(self, filename: str, data: bytes, expected: str, words: str) -> str:
        """What was wrong about the answer; nothing when it was as expected."""
        before = Account.objects.system("test").count()
        answer = self.client.post(reverse("imports"), {"kind": "accounts", "file": SimpleUploadedFile(filename, data)})
        if answer.status_code == 200:
            errors = answer.context["form"].errors.get("file", [])
            return "" if expected == WHOLE and words in " ".join(errors) and errors else f"refused: {errors}"
        made = Upload.objects.latest("pk")
        try:
            return self._tried(made, expected, words, before)
        finally:
            Account.objects.system("test").filter(external_id="good").delete()

    def _tried(self, made: Upload, expected: str, words: str, before: int) -> str:
        form = self.client.get(reverse("upload", args=[made.pk])).context["form"]
        post = {f"column-{choice.place}": choice.chosen for choice in form.choices}
        answer = self.client.post(reverse("upload-columns", args=[made.pk]), post)
        if answer.status_code == 200:  # nothing in it is one of our columns
            errors = answer.context["form"].errors
            return "" if expected == WHOLE and words in " ".join(errors) else str(errors)
        door.long_work()
        made.refresh_from_db()
        if Account.objects.system("test").count() != before:
            return "trying it wrote something"
        if expected == WHOLE:
            return "" if made.problem and words in made.problem else f"{made.state} {made.problem}"
        counts = (1, 1) if expected == ROW else (1, 0)
        if (made.new, made.refused) != counts:
            return f"{door.counts(made)} {door.reasons(made)} {made.problem}"
        if expected == ROW and not all(words in reason for _line, reason in door.reasons(made)):
            return str(door.reasons(made))
        made = door.go(self.client, made, "apply")
        pages = [
            self.client.get(reverse("upload", args=[made.pk])),
            self.client.post(reverse("upload-refused", args=[made.pk])),
        ]
        if expected == TAKEN and b"<script>alert" in pages[0].content:
            return "a script on the page"
        return "" if made.state == "applied" and made.new == 1 else f"{door.counts(made)} {made.problem}"
