"""What takes a question to others, and so is asked only with --mail or --dns: the mail server, the domain's records."""

import smtplib
from collections.abc import Iterator
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
from django.conf import settings

from crm.management.doctor.findings import BAD, GOOD, WARNS, Finding

SECONDS = 10


def mail_server() -> Iterator[Finding]:
    """Say hello and nothing more: no login, no mail."""
    if not settings.EMAIL_URL:
        yield Finding(WARNS, "mail server", "There is none: EMAIL_URL is not set.", "Set it, or go on reading /mail/.")
        return
    parts = urlsplit(settings.EMAIL_URL)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    port = parts.port or {"smtps": 465, "smtp+tls": 587}.get(parts.scheme, 25)
    try:
        with kind(parts.hostname or "", port, settings.MAIL_FROM_DOMAIN, timeout=SECONDS) as smtp:
            smtp.ehlo_or_helo_if_needed()
            if parts.scheme == "smtp+tls" and not smtp.has_extn("starttls"):
                yield Finding(BAD, "mail server", "It offers no STARTTLS.", "Use smtps:// or another port.")
    except (OSError, smtplib.SMTPException) as error:
        said = getattr(error, "strerror", None) or type(error).__name__
        mend = "Look at host and port of EMAIL_URL, and at firewalls."
        yield Finding(BAD, "mail server", f"It does not answer: {said}.", mend)
    else:
        yield Finding(GOOD, "mail server", "It answers.")


def dns_records(domain: str, *, selector: str = "", resolver: dns.resolver.Resolver | None = None) -> Iterator[Finding]:
    """SPF, DMARC and, with its selector, DKIM of the domain that mail is sent from."""
    ask = resolver or dns.resolver.Resolver()
    ask.lifetime = SECONDS
    spf = [text for text in _texts(ask, domain) if text.lower().startswith("v=spf1")]
    mend = f"Publish one TXT record of {domain} that begins with v=spf1 and names your mail server."
    if len(spf) != 1:
        yield Finding(BAD, "dns", f"{domain} has {len(spf)} SPF records instead of one.", mend)
    elif spf[0].split()[-1] == "+all":
        yield Finding(BAD, "dns", "Its SPF record lets everybody send.", "End it with ~all or -all.")
    else:
        yield Finding(GOOD, "dns", f"{domain} has an SPF record.")
    policies = [text for text in _texts(ask, f"_dmarc.{domain}") if text.lower().startswith("v=dmarc1")]
    if policies:
        yield Finding(GOOD, "dns", f"{domain} has a DMARC record.")
    else:
        mend = f"Publish a TXT record of _dmarc.{domain}, to begin with v=DMARC1; p=none; rua=mailto:you@{domain}"
        yield Finding(WARNS, "dns", f"{domain} has no DMARC record.", mend)
    if not selector:
        yield Finding(WARNS, "dns", "DKIM was not looked at.", "Name the selector: --dkim SELECTOR.")
    elif any("p=" in text for text in _texts(ask, f"{selector}._domainkey.{domain}")):
        yield Finding(GOOD, "dns", f"{domain} has a DKIM key under {selector}.")
    else:
        mend = "Publish the key that your mail server or provider shows, and let it sign."
        yield Finding(BAD, "dns", f"{domain} has no DKIM key under {selector}.", mend)


def _texts(ask: dns.resolver.Resolver, name: str) -> list[str]:
    try:
        found = ask.resolve(name, "TXT")
    except (dns.exception.DNSException, OSError):
        return []
    return [b"".join(record.strings).decode("utf-8", "replace") for record in found]
