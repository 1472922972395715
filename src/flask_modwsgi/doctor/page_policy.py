"""Finds what a page's Content-Security-Policy refuses in it, as in a browser's console.

Pure. Only the HTML is examined. https://www.w3.org/TR/CSP3/
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from urllib.parse import SplitResult, urljoin, urlsplit

Sources = Sequence[str]
Attributes = dict[str, str]
# What it is, the directive for it, and whether sources allow it in a page at an address.
Need = tuple[str, str, Callable[[Sources, SplitResult], bool]]

# Without a directive of its own, another one decides.
_INSTEAD = {
    "script-src-elem": "script-src",
    "script-src-attr": "script-src",
    "style-src-elem": "style-src",
    "style-src-attr": "style-src",
    "frame-src": "child-src",
}
_ALONE = ("default-src", "form-action", "base-uri")
# What a tag loads: the attribute that has the address, the directive, and the words for it. Of a
# link, by its rel; of one that only preloads, by its as.
_LOADS = {
    "script": ("src", "script-src-elem", "a script from"),
    "img": ("src", "img-src", "an image from"),
    "iframe": ("src", "frame-src", "a frame from"),
    "object": ("data", "object-src", "an object from"),
    "embed": ("src", "object-src", "an object from"),
    "audio": ("src", "media-src", "audio or video from"),
    "video": ("src", "media-src", "audio or video from"),
    "form": ("action", "form-action", "a form to"),
    "base": ("href", "base-uri", "a base address of"),
    "link stylesheet": ("href", "style-src-elem", "a style sheet from"),
    "link icon": ("href", "img-src", "an icon from"),
    "preload font": ("href", "font-src", "a font from"),
    "preload script": ("href", "script-src-elem", "a script from"),
    "preload style": ("href", "style-src-elem", "a style sheet from"),
}
# A script of another type is data. https://html.spec.whatwg.org/#attr-script-type
_SCRIPTS = ("", "module", "importmap", "text/javascript", "application/javascript")
_PORTS = {"http": 80, "https": 443}


def refused(html: str, policies: Sequence[str], url: str) -> list[str]:
    """What a browser would refuse of a page, each kind once, in its order.

    :param policies: The values of the header.
    :param url: Of the page.
    """
    page = _Page(url)
    page.feed(html)
    page.close()
    rules = [_parsed(one) for value in policies for one in value.split(",")]
    return list(
        dict.fromkeys(
            what
            for what, directive, is_allowed in page.needs
            for rule in rules
            if (sources := _decisive(rule, directive)) is not None
            and not is_allowed(sources, urlsplit(url))
        )
    )


def _parsed(policy: str) -> dict[str, Sources]:
    rule: dict[str, Sources] = {}
    for part in policy.split(";"):
        if words := part.split():
            rule.setdefault(words[0].lower(), [_keyword(word) for word in words[1:]])
    return rule


def _keyword(word: str) -> str:
    """Keywords are alike in capital letters; nonces and hashes are not."""
    is_keyword = word.startswith("'") and not word.lower().startswith(("'nonce-", "'sha"))
    return word.lower() if is_keyword else word


def _decisive(rule: dict[str, Sources], directive: str) -> Sources | None:
    """The sources that count for a directive; None where everything is allowed."""
    if directive in rule or directive in _ALONE:
        return rule.get(directive)
    return _decisive(rule, _INSTEAD.get(directive, "default-src"))


def _inline(what: str, directive: str, text: str, nonce: str = "") -> Need:
    """A script or style in the page itself; one of an attribute has no nonce."""

    def is_allowed(sources: Sources, page: SplitResult) -> bool:
        if _has_nonce(sources, nonce):
            return True
        if not directive.endswith("-attr") or "'unsafe-hashes'" in sources:
            for name in ("sha256", "sha384", "sha512"):
                digest = hashlib.new(name, text.encode()).digest()
                if f"'{name}-{base64.b64encode(digest).decode()}'" in sources:
                    return True
        # These make browsers ignore the keyword.
        is_strict = any(one.startswith(("'nonce-", "'sha", "'strict-dynamic'")) for one in sources)
        return "'unsafe-inline'" in sources and not is_strict

    return what, directive, is_allowed


def _loaded(what: str, directive: str, url: SplitResult, attributes: Attributes) -> Need:
    """Something that has an address."""

    def is_allowed(sources: Sources, page: SplitResult) -> bool:
        if directive in ("script-src-elem", "style-src-elem"):
            if _has_nonce(sources, attributes.get("nonce", "")):
                return True
            hashes = attributes.get("integrity", "").split()
            if hashes and all(f"'{one}'" in sources for one in hashes):
                return True
        if directive == "script-src-elem" and "'strict-dynamic'" in sources:
            return False
        return any(_matches(source, url, page) for source in sources)

    return what, directive, is_allowed


def _has_nonce(sources: Sources, nonce: str) -> bool:
    return bool(nonce) and f"'nonce-{nonce}'" in sources


def _matches(source: str, url: SplitResult, page: SplitResult) -> bool:
    """https://www.w3.org/TR/CSP3/#match-url-to-source-expression"""
    same = _is_as_safe(page.scheme, url.scheme)
    if source == "'self'":
        return same and url.hostname == page.hostname and _is_port(str(page.port or ""), url)
    if source == "*":
        return url.scheme in ("http", "https", "ws", "wss")
    if source.endswith(":") and "/" not in source:
        return _is_as_safe(source[:-1].lower(), url.scheme)
    if source.startswith("'"):
        return False
    scheme, _, rest = source.rpartition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.lower().partition(":")
    own = url.hostname or ""
    is_host = own.endswith(host[1:]) if host.startswith("*.") else host in ("*", own)
    is_prefix = path.endswith("/") and url.path.startswith(f"/{path}")
    is_path = not path or url.path == f"/{path}" or is_prefix
    is_scheme = _is_as_safe(scheme.lower(), url.scheme) if scheme else same
    return is_scheme and is_host and is_path and _is_port(port, url)


def _is_as_safe(wanted: str, found: str) -> bool:
    return found == wanted or (wanted, found) == ("http", "https")


def _is_port(wanted: str, url: SplitResult) -> bool:
    default = _PORTS.get(url.scheme)
    found = url.port or default
    return wanted == "*" or found == (int(wanted) if wanted.isdecimal() else default)


class _Page(HTMLParser):
    """Collects what a page needs."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.needs: list[Need] = []
        self._url = url
        self._inside: tuple[str, str] | None = None  # a script or style, and its nonce
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        self.needs += self._of_attributes(own)
        self.needs += self._loads(tag, own)
        is_script = tag == "script" and "src" not in own and own.get("type", "").lower() in _SCRIPTS
        if is_script or tag == "style":
            self._inside, self._text = (tag, own.get("nonce", "")), ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if self._inside and tag == self._inside[0]:
            what, directive = f"an inline {tag}", f"{tag}-src-elem"
            self.needs.append(_inline(what, directive, self._text, self._inside[1]))
            self._inside = None

    def _of_attributes(self, own: Attributes) -> Iterator[Need]:
        for name, value in own.items():
            if name.startswith("on") and value:
                yield _inline(f"an event handler ({name})", "script-src-attr", value)
            if name == "style" and value:
                yield _inline("a style attribute", "style-src-attr", value)
            if name in ("href", "action") and value.strip().lower().startswith("javascript:"):
                yield _inline("a link to javascript:", "script-src-elem", value)

    def _loads(self, tag: str, own: Attributes) -> Iterator[Need]:
        keys = [tag]
        if tag == "link":
            words = own.get("rel", "").lower().split()
            keys = [f"link {word}" for word in words]
            if {"preload", "modulepreload"} & set(words):
                keys.append(f"preload {own.get('as', 'script').lower()}")
        for attribute, directive, what in (_LOADS[key] for key in keys if key in _LOADS):
            address = own.get(attribute, "").strip()
            if not address or address.lower().startswith(("javascript:", "about:")):
                continue
            try:
                url = urlsplit(urljoin(self._url, address))
                url.port  # noqa: B018
            except ValueError:  # it is no address, and nothing is loaded
                continue
            place = url.hostname if url.scheme in _PORTS else f"{url.scheme}:"
            yield _loaded(f"{what} {place}", directive, url, own)
            if tag == "base":
                self._url = url.geturl()
