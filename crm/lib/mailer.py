"""Handing a mail over in two halves, so that the caller can decide between RCPT TO and DATA (rules.md §5).

`begin` leads up to the last moment at which nothing has happened; `finish` hands the text over. Whatever
goes wrong in `begin` is known not sent. In `finish` only a reply of the server is knowledge.
"""

import os
import smtplib
import ssl
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

BUDGET = 30.0  # seconds for one mail, from the connection to the last reply
STEP = 10.0  # seconds for one command of it
PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


class Reply(NamedTuple):
    """What the server said last."""

    code: int
    words: str


class Envelope(NamedTuple):
    sender: str
    recipient: str
    message_id: str


class Refused(Exception):
    """The server said no: 4xx for now, 5xx for good. The mail is known not sent.

    `sender`: it refused the sender before it had heard of the recipient.
    """

    def __init__(self, reply: Reply, *, sender: bool = False) -> None:
        super().__init__(f"{reply.code} {reply.words}")
        self.reply, self.sender = reply, sender


class Away(Exception):
    """The server left before the text was handed over: known not sent.

    `reached`: it was there and hung up on this mail, so the next mail may fare better.
    """

    def __init__(self, words: str, *, reached: bool = False) -> None:
        super().__init__(words)
        self.reached = reached


class Unanswered(Exception):
    """The text was on its way and no reply came: nobody knows whether it was taken."""


class Transport(Protocol):
    """Where mail goes. One mail at a time: begin, then finish or reset; close at the end."""

    def begin(self, envelope: Envelope) -> None:
        """Come as far as the recipient; raises Refused or Away."""

    def finish(self, data: bytes) -> Reply:
        """Hand the text over and return the server's yes; raises Refused or Unanswered."""

    def reset(self) -> None:
        """Give the begun mail up. Never raises."""

    def close(self) -> None: ...

    def holds(self, message_id: str) -> bool:
        """Whether there is evidence that this mail was taken. False means only that there is none."""


def transport(url: str, folder: Path, *, hello: str = "localhost") -> Transport:
    """The transport of EMAIL_URL, or files under `folder` when it is empty; raises ValueError for a bad one.

    `hello` is the name we greet the server with.
    """
    if not url:
        return FileTransport(folder)
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("EMAIL_URL must look like smtp://user:password@host:port, smtp+tls:// or smtps://.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    port = parts.port or PORTS[parts.scheme]
    return SmtpTransport(parts.scheme, parts.hostname, port, user, password, hello=hello)


@dataclass
class FileTransport:
    """Mail as .eml files, one per Message-ID: a second handoff of the same mail finds the first one's file."""

    folder: Path
    _message_id: str = ""

    def begin(self, envelope: Envelope) -> None:
        self._message_id = envelope.message_id
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Away(f"The folder {self.folder.name} cannot be written: {error.strerror}.") from error

    def finish(self, data: bytes) -> Reply:
        path = self.path(self._message_id)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            _write_through(aside, data)
            # A link appears whole or not at all, and never replaces a mail that is already there.
            os.link(aside, path)
        except FileExistsError:
            return Reply(250, f"{path.name} was there already")
        except OSError as error:
            raise Refused(Reply(452, f"not written: {error.strerror}")) from error
        finally:
            aside.unlink(missing_ok=True)
        return Reply(250, f"written to {path.name}")

    def reset(self) -> None:
        self._message_id = ""

    def close(self) -> None:
        self._message_id = ""

    def holds(self, message_id: str) -> bool:
        return self.path(message_id).exists()

    def path(self, message_id: str) -> Path:
        return self.folder / f"{message_id.strip('<>').replace('/', '_')}.eml"


def _write_through(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


class SmtpTransport:
    """SMTP over one connection that serves many mails and is made anew after any trouble."""

    def __init__(
        self, scheme: str, host: str, port: int, user: str = "", password: str = "", *, hello: str = "localhost"
    ) -> None:
        self.scheme, self.host, self.port, self.user, self.password = scheme, host, port, user, password
        self.hello = hello
        self._smtp: smtplib.SMTP | None = None
        self._deadline = 0.0

    def begin(self, envelope: Envelope) -> None:
        self._deadline = monotonic() + BUDGET
        fresh = self._smtp is None
        try:
            self._address(envelope)
        except Away:
            # A server may close a connection that stood idle between two mails; that is no news of this one.
            if fresh:
                raise
            self._address(envelope)

    def _address(self, envelope: Envelope) -> None:
        smtp = self._connected()
        try:
            options = self._options(smtp, envelope)
            self._hurry(smtp)
            _expect(smtp.mail(envelope.sender, options), sender=True)
            self._hurry(smtp)
            _expect(smtp.rcpt(envelope.recipient))
        except Refused as error:
            # 421 says that the whole conversation is over, not that this mail is unwanted.
            if error.reply.code == 421:
                self._drop()
                raise Away(str(error), reached=True) from error
            self.reset()
            raise
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Away(_words(error), reached=True) from error

    def _options(self, smtp: smtplib.SMTP, envelope: Envelope) -> list[str]:
        if envelope.sender.isascii() and envelope.recipient.isascii():
            return []
        if not smtp.has_extn("smtputf8"):
            raise Refused(Reply(504, "this mail server takes no address with letters beyond ASCII"))
        return ["SMTPUTF8", "BODY=8BITMIME"]

    def finish(self, data: bytes) -> Reply:
        smtp = self._smtp
        if smtp is None:
            raise Unanswered("the connection is gone")
        try:
            # The last reply may take long where mail is scanned before it is accepted: all the time that is left.
            self._hurry(smtp, step=BUDGET)
            reply = _reply(*smtp.data(data))
        except smtplib.SMTPDataError as error:
            reply = _reply(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            raise Unanswered(_words(error)) from error
        if reply.code == 250:
            return reply
        self._drop()
        # Neither yes nor no, such as a line that is no SMTP at all, is no knowledge.
        raise Refused(reply) if 400 <= reply.code <= 599 else Unanswered(f"{reply.code} {reply.words}")

    def reset(self) -> None:
        try:
            if self._smtp is not None:
                self._hurry(self._smtp)
                self._smtp.rset()
        except (OSError, smtplib.SMTPException):
            self._drop()

    def close(self) -> None:
        try:
            if self._smtp is not None:
                self._deadline = monotonic() + STEP
                self._hurry(self._smtp)
                self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            pass
        finally:
            self._drop()

    def holds(self, message_id: str) -> bool:
        return False

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is None:
            try:
                self._smtp = smtp = self._open()
                self._greet(smtp)
            except (OSError, smtplib.SMTPException) as error:
                self._drop()
                raise Away(_words(error)) from error
        return self._smtp

    def _greet(self, smtp: smtplib.SMTP) -> None:
        if self.scheme == "smtp+tls":
            self._hurry(smtp)
            smtp.starttls(context=ssl.create_default_context())
        if self.user:
            self._hurry(smtp)
            smtp.login(self.user, self.password)
        self._hurry(smtp)
        smtp.ehlo_or_helo_if_needed()

    def _open(self) -> smtplib.SMTP:
        if self.scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, self.hello, timeout=STEP, context=context)
        return smtplib.SMTP(self.host, self.port, self.hello, timeout=STEP)

    def _hurry(self, smtp: smtplib.SMTP, *, step: float = STEP) -> None:
        """Give the next command what is left of the mail's time, at most one step's."""
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the time for this mail is over")
        if smtp.sock is not None:
            smtp.sock.settimeout(min(step, left))

    def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


def _expect(answer: tuple[int, bytes], *, sender: bool = False) -> None:
    code, words = answer
    if 400 <= code <= 599:
        raise Refused(_reply(code, words), sender=sender)
    if code not in (250, 251):
        raise smtplib.SMTPServerDisconnected(f"the server answered {code} out of turn")


def _reply(code: int, words: bytes | str) -> Reply:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return Reply(code, " ".join(text.replace("\0", "").split())[:500])


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = _reply(error.smtp_code, error.smtp_error)
        return f"{reply.code} {reply.words}"
    return (str(error) or type(error).__name__)[:500]
