"""What a person does with a browser: cookies are kept, redirects are followed, forms are sent."""

from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

from serving import patience


class Page:
    def __init__(self, response: Any) -> None:
        with response:
            self.status: int = response.status
            self.url: str = response.url
            self.headers = response.headers
            self.body: bytes = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()


class Person:
    def __init__(self, url: str) -> None:
        self.url = url + "/"
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def open(self, path: str, data: bytes | None = None, **options: Any) -> Any:
        """The answer, not yet read; `path` is relative to the application's own address."""
        request = Request(urljoin(self.url, path), data, **options)
        try:
            return self._opener.open(request, timeout=20 * patience())
        except HTTPError as error:
            return error

    def get(self, path: str = "", **headers: str) -> Page:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Page(self.open(path, headers=named))

    def post(self, path: str, **fields: str) -> Page:
        return Page(self.open(path, urlencode(fields).encode()))
