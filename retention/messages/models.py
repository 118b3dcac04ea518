"""Message templates in our own small grammar (crm.lib.grammar): what a draft begins with."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MessageTemplate(models.Model):
    """One text in one language. `{{ contact.first_name | default:"there" }}` over an allow-list of plain values."""

    key = models.SlugField(_("key"), max_length=80)
    language = models.CharField(_("language"), max_length=10, default="en")
    subject = models.CharField(_("subject"), max_length=300)
    body = models.TextField(_("text"))

    class Meta:
        ordering = ["key", "language"]
        constraints = [models.UniqueConstraint(fields=["key", "language"], name="template_once")]

    def __str__(self) -> str:
        return f"{self.key} ({self.language})"
