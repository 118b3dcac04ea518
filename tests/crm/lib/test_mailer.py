"""Two halves of a handover: into files, and to a real SMTP server."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm.lib import mailer
from crm.lib.mailer import Away, Envelope, FileTransport, Refused, SmtpTransport, Unanswered
from tests.crm.outbox.sink import Sink, running

TEXT = b"Subject: Hello\r\n\r\nOne line.\r\n.\r\nA line that is a single dot came before.\r\n"


def to(word: str) -> Envelope:
    return Envelope("mina@ours.example", f"{word}@customer.example", f"<{word}@ours.example>")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running(Sink()) as sink:
        yield sink


@pytest.fixture
def smtp(sink: Sink) -> Iterator[SmtpTransport]:
    transport = SmtpTransport("smtp", "127.0.0.1", sink.port)
    yield transport
    transport.close()


def test_a_mail_arrives_whole_and_the_servers_words_come_back(sink: Sink, smtp: SmtpTransport) -> None:
    smtp.begin(to("lena"))
    assert sink.taken == []
    assert smtp.finish(TEXT) == (250, "2.0.0 queued as 42")
    assert sink.taken == [("lena@customer.example", TEXT)]


def test_a_mail_that_was_begun_and_reset_is_not_sent(sink: Sink, smtp: SmtpTransport) -> None:
    smtp.begin(to("lena"))
    smtp.reset()
    smtp.begin(to("omar"))
    smtp.finish(TEXT)
    assert sink.addresses() == ["omar@customer.example"]
    assert (sink.resets, sink.sessions) == (1, 1)


@pytest.mark.parametrize(("word", "code"), [("gone", 550), ("busy", 450), ("policy", 550)])
def test_a_refused_recipient_leaves_the_connection_for_the_next(
    sink: Sink, smtp: SmtpTransport, word: str, code: int
) -> None:
    with pytest.raises(Refused) as refused:
        smtp.begin(to(word))
    assert (refused.value.reply.code, refused.value.sender) == (code, False)
    smtp.begin(to("lena"))
    smtp.finish(TEXT)
    assert (sink.addresses(), sink.sessions) == (["lena@customer.example"], 1)


def test_a_refused_sender_is_told_from_a_refused_recipient(sink: Sink, smtp: SmtpTransport) -> None:
    sink.reject_sender = True
    with pytest.raises(Refused) as refused:
        smtp.begin(to("lena"))
    assert refused.value.sender is True


@pytest.mark.parametrize(("word", "code"), [("spam", 554), ("later", 451)])
def test_a_refused_text_is_known_not_sent(smtp: SmtpTransport, word: str, code: int) -> None:
    smtp.begin(to(word))
    with pytest.raises(Refused) as refused:
        smtp.finish(TEXT)
    assert refused.value.reply.code == code


@pytest.mark.parametrize("word", ["drop", "odd"])
def test_a_dropped_connection_or_an_odd_answer_is_no_knowledge(sink: Sink, smtp: SmtpTransport, word: str) -> None:
    smtp.begin(to(word))
    with pytest.raises(Unanswered):
        smtp.finish(TEXT)
    smtp.begin(to("lena"))
    smtp.finish(TEXT)
    assert sink.addresses()[-1] == "lena@customer.example"


def test_a_server_that_never_answers_costs_no_more_than_the_budget(
    smtp: SmtpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailer, "BUDGET", 0.5)
    smtp.begin(to("hang"))
    with pytest.raises(Unanswered):
        smtp.finish(TEXT)


def test_a_server_that_hangs_up_on_one_recipient_was_reached(smtp: SmtpTransport) -> None:
    with pytest.raises(Away) as away:
        smtp.begin(to("hangup"))
    assert away.value.reached is True


def test_a_server_that_is_not_there_was_not_reached() -> None:
    transport = SmtpTransport("smtp", "127.0.0.1", 9)
    with pytest.raises(Away) as away:
        transport.begin(to("lena"))
    assert away.value.reached is False


def test_a_connection_that_was_closed_between_two_mails_is_made_anew(sink: Sink, smtp: SmtpTransport) -> None:
    smtp.begin(to("lena"))
    smtp.finish(TEXT)
    assert isinstance(smtp._smtp, smtplib.SMTP) and smtp._smtp.sock is not None
    smtp._smtp.sock.shutdown(2)
    smtp.begin(to("omar"))
    smtp.finish(TEXT)
    assert (sink.addresses(), sink.sessions) == (["lena@customer.example", "omar@customer.example"], 2)


def test_letters_beyond_ascii_need_a_server_that_takes_them(sink: Sink, smtp: SmtpTransport) -> None:
    korean = Envelope("mina@ours.example", "레나@customer.example", "<1@ours.example>")
    smtp.begin(korean)
    smtp.finish(TEXT)
    assert sink.addresses() == ["레나@customer.example"]
    with running(Sink(), utf8=False) as plain:
        other = SmtpTransport("smtp", "127.0.0.1", plain.port)
        with pytest.raises(Refused) as refused:
            other.begin(korean)
        other.close()
    assert refused.value.reply.code == 504


def test_files_hold_one_mail_per_message_id(tmp_path: Path) -> None:
    files = FileTransport(tmp_path / "mail")
    assert files.holds("<lena@ours.example>") is False
    for text, words in ((TEXT, "written to"), (b"another", "was there already")):
        files.begin(to("lena"))
        assert words in files.finish(text).words
    assert files.holds("<lena@ours.example>") is True
    assert [path.name for path in (tmp_path / "mail").iterdir()] == ["lena@ours.example.eml"]
    assert files.path("<lena@ours.example>").read_bytes() == TEXT
    assert oct(files.path("<lena@ours.example>").stat().st_mode & 0o777) == "0o600"


def test_an_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    assert FileTransport(tmp_path).path("<../../etc/x>").parent == tmp_path


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://relay.example", ("smtp", "relay.example", 25, "", "")),
        ("smtp+tls://m%40a.example:p%3Aw@relay.example", ("smtp+tls", "relay.example", 587, "m@a.example", "p:w")),
        ("smtps://u:p@relay.example:2465", ("smtps", "relay.example", 2465, "u", "p")),
    ],
)
def test_the_address_of_the_server_is_read(url: str, expected: tuple[str, str, int, str, str], tmp_path: Path) -> None:
    made = mailer.transport(url, tmp_path)
    assert isinstance(made, SmtpTransport)
    assert (made.scheme, made.host, made.port, made.user, made.password) == expected


def test_no_address_means_files_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    assert mailer.transport("", tmp_path) == FileTransport(tmp_path)
    with pytest.raises(ValueError, match="EMAIL_URL must look like"):
        mailer.transport("http://relay.example", tmp_path)
