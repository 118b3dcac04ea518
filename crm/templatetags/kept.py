"""A block of a template that is rendered once in each language and then kept: `{% kept theme %}…{% endkept %}`.

Half of what a page costs is its frame, which is the same for everybody. The block sees only what is named, so what is
kept can tell one reader nothing of another; name only what takes few values, and never what a customer wrote.
"""

from typing import Any

from django import template
from django.conf import settings
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.template.exceptions import TemplateSyntaxError
from django.template.loader_tags import BlockNode
from django.urls import get_script_prefix, get_urlconf
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()
MOST = 128  # values of one block; beyond them the oldest is made anew


class Kept(template.Node):
    """`given`: what the content may see, by name; its values are hashable and are the key of what is kept."""

    def __init__(self, content: NodeList, given: dict[str, FilterExpression]) -> None:
        self.content, self.given = content, given
        self.texts: dict[tuple[Any, ...], SafeString] = {}

    def render(self, context: Context) -> SafeString:
        values = [expression.resolve(context) for expression in self.given.values()]
        # Addresses depend on where the site is mounted, and in tests on which one it is.
        key = (get_language(), get_urlconf() or settings.ROOT_URLCONF, get_script_prefix(), *values)
        if (text := self.texts.get(key)) is None:
            text = self._made(context, values)
            if len(self.texts) >= MOST:
                self.texts.pop(next(iter(self.texts)), None)
            self.texts[key] = text
        return text

    def _made(self, context: Context, values: list[Any]) -> SafeString:
        page = context.template
        assert page is not None  # it is being rendered
        alone = Context(dict(zip(self.given, values, strict=True)))
        with alone.render_context.push_state(page), alone.bind_template(page):
            return self.content.render(alone)


@register.tag
def kept(parser: Parser, token: Token) -> Kept:
    """`{% kept a b.c as_it_is=d|lower %}`: sees `a`, `c` and `as_it_is`, and nothing else of the page."""
    given = {}
    for word in token.split_contents()[1:]:
        name, _sign, expression = word.rpartition("=")
        given[name or expression.rpartition(".")[2]] = parser.compile_filter(expression)
    content = parser.parse(("endkept",))
    parser.delete_first_token()
    if content.get_nodes_by_type(BlockNode):
        raise TemplateSyntaxError("A kept block cannot hold a block that another template fills.")
    return Kept(content, given)
