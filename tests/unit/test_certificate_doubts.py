"""What is said of a certificate that some clients may refuse."""

import ssl

import pytest

from flask_modwsgi.tls import doubts

NOW = ssl.cert_time_to_seconds("Jan 30 12:00:00 2030 GMT")


def seen(begins: str, ends: str, *names: str) -> doubts.Seen:
    return {
        "notBefore": f"{begins} 12:00:00 2030 GMT",
        "notAfter": f"{ends} 12:00:00 2030 GMT",
        "issuer": ((("organizationName", "Trust"),), (("commonName", "R11"),)),
        "subjectAltName": tuple(("DNS", name) for name in names),
    }


@pytest.mark.parametrize(
    ("begins", "ends", "is_soon"),
    [
        ("Jan 30", "Jan 31", True),
        ("Jan 01", "Feb 12", True),
        ("Jan 01", "Feb 14", False),
        ("Jan 29", "Feb 04", False),
    ],
)
def test_one_that_ends_soon(begins: str, ends: str, is_soon: bool) -> None:
    found = list(doubts.of(seen(begins, ends), "", "", NOW))
    assert [doubt.startswith("it ends soon") for doubt in found] == [True] * is_soon


def test_a_chain_that_does_not_fit() -> None:
    (found,) = doubts.of(seen("Jan 29", "Apr 29"), "unable to get issuer", "", NOW)
    assert "unable to get issuer" in found
    assert "Trust, R11" in found


@pytest.mark.parametrize(
    ("names", "hosts", "expected"),
    [
        (["a.org", "www.a.org"], "", []),
        (["A.org", "*.a.org"], "a.org www.a.org", []),
        (["*.a.org"], "*.a.org", []),
        (["x.a.org", "y.a.org"], "*.a.org", []),
        (["a.org"], "a.org b.org", ["for b.org of HOSTS"]),
        (["*.a.org"], "a.org", ["for a.org of", "it names *.a.org,"]),
        (["*.a.org"], "x.y.a.org", ["for x.y.a.org of", "it names *.a.org,"]),
        (["a.org", "www.a.org"], "a.org", ["it names www.a.org,"]),
        ([], "a.org", ["for a.org of HOSTS"]),
    ],
)
def test_names_that_do_not_fit(names: list[str], hosts: str, expected: list[str]) -> None:
    found = list(doubts.of(seen("Jan 29", "Apr 29", *names), "", hosts, NOW))
    assert len(found) == len(expected)
    assert all(part in doubt for part, doubt in zip(expected, found, strict=True))
