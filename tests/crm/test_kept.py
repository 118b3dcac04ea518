"""A kept block is rendered once for each language and each value of what it names, and sees nothing else."""

import pytest
from django.template import TemplateSyntaxError, engines
from django.test import override_settings
from django.utils import translation

from crm.staff.views import address
from crm.templatetags.kept import MOST, Kept


def template(source: str):
    return engines["django"].from_string("{% load i18n kept %}" + source)


def blocks(of):
    return of.template.nodelist.get_nodes_by_type(Kept)


def test_it_sees_only_what_it_names():
    of = template(
        "{% kept theme looks.density word=name|lower %}{{ theme }} {{ density }} {{ word }}|{{ name }}{% endkept %}"
    )
    context = {"theme": "dark", "looks": {"density": "compact"}, "name": "MINA", "user": "Mina"}
    assert of.render(context) == "dark compact mina|"


def test_it_is_rendered_once_for_each_value():
    calls = []

    class Theme(str):
        def said(self) -> str:
            calls.append(str(self))
            return f"<{self}>"

    of = template("{% kept theme %}{{ theme.said }}{% endkept %}{{ name }}")
    asked = [("dark", "a"), ("dark", "b"), ("light", "c")]
    said = [of.render({"theme": Theme(theme), "name": name}) for theme, name in asked]
    assert said == ["&lt;dark&gt;a", "&lt;dark&gt;b", "&lt;light&gt;c"]
    assert calls == ["dark", "light"]


def test_each_language_has_its_own():
    of = template("{% kept %}{% translate 'Accounts' %}{% endkept %}")
    said = {}
    for language in ("en", "ko", "en"):
        with translation.override(language):
            said[language] = of.render({})
    assert said == {"en": "Accounts", "ko": "고객사"}


def test_each_site_has_its_own_addresses():
    of = template("{% kept %}{% url 'portfolio' as here %}{{ here }}{% endkept %}")
    assert (of.render({}), address("portfolio")) == ("/accounts/", "/accounts/")
    with override_settings(ROOT_URLCONF="tests.crm.test_toasts"):
        assert (of.render({}), address("portfolio")) == ("", "")
    assert (of.render({}), address("portfolio")) == ("/accounts/", "/accounts/")


def test_it_keeps_no_more_than_it_may():
    of = template("{% kept n %}{{ n }}{% endkept %}")
    assert [of.render({"n": n}) for n in range(MOST + 2)] == [str(n) for n in range(MOST + 2)]
    (block,) = blocks(of)
    assert [key[-1] for key in block.texts] == list(range(2, MOST + 2))


def test_it_refuses_what_another_template_fills():
    with pytest.raises(TemplateSyntaxError, match="kept block"):
        template("{% kept %}{% block title %}{% endblock %}{% endkept %}")
