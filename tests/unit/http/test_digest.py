"""Digest log-ins: what a challenge means, and what answers it."""

from __future__ import annotations

import requests

from pyfetch.http.credentials import Credentials
from pyfetch.http.digest import Challenge, DigestLogins, parse_challenges
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time

MUFASA = Credentials(b"Mufasa", b"Circle of Life")
RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
    ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
NONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def challenge_of(*fields: str) -> Challenge:
    found, _ = parse_challenges(fields)
    assert found is not None
    return found


@cases(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_answer_is_that_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1."""
    challenge = challenge_of(RFC_7616.format(algorithm))
    assert challenge.answer(MUFASA, "/dir/index.html", 1, NONCE) == (
        'Digest username="Mufasa", realm="http-auth@example.org",'
        ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html",'
        f' response="{response}", algorithm={algorithm},'
        ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",'
        f' qop=auth, nc=00000001, cnonce="{NONCE}"'
    )


def test_the_answer_to_a_server_of_before_rfc_2617_has_no_count() -> None:
    """RFC 2069, section 2.4, with the erratum."""
    fields = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    answer = challenge_of(fields).answer(MUFASA, "/dir/index.html", 1, NONCE)
    assert 'response="1949323746fe6a43ef61f9606e7febea"' not in answer  # another password
    assert "nc=" not in answer
    assert "qop" not in answer
    known = Credentials(b"Mufasa", b"CircleOfLife")
    assert 'response="1949323746fe6a43ef61f9606e7febea"' in challenge_of(fields).answer(
        known, "/dir/index.html", 1, NONCE
    )


@cases("algorithm", ["MD5-sess", "md5", "SHA-256-SESS", "SHA-512-256", "Sha-256"])
def test_each_algorithm_of_rfc_7616_is_known(algorithm: str) -> None:
    """As `requests` computes it, where that knows it, too."""
    challenge = challenge_of(RFC_7616.format(algorithm))
    assert f"algorithm={algorithm}" in challenge.answer(MUFASA, "/x", 2, "c")


def test_a_user_beyond_ascii_and_a_user_to_be_hidden_are_sent_as_rfc_7616_says() -> None:
    jason = Credentials("Jäsøn Doe".encode(), b"Secret, or not?")
    challenge = challenge_of('Digest realm="api@example.org", nonce="n", qop="auth"')
    assert "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe," in challenge.answer(jason, "/", 1, "c")
    hidden = challenge_of(
        'Digest realm="api@example.org", nonce="n", algorithm=SHA-512-256, userhash=true'
    ).answer(jason, "/", 1, "c")
    assert "userhash=true" in hidden
    assert "J%C3" not in hidden
    quoted = challenge.answer(Credentials(b'a"b\\', b""), "/", 1, "c")
    assert 'username="a\\"b\\\\"' in quoted


@cases(
    "fields",
    [
        ['Basic realm="a, b", Digest realm="r", nonce="n"'],
        ['Basic realm="a"', 'DIGEST nonce = "n" , realm="r"'],
        ['Negotiate, Digest realm="r",nonce="n", Basic realm="a"'],
        ['Digest algorithm=XXX, realm="x", nonce="x", Digest realm="r", nonce="n"'],
        ['Digest qop="auth-int", realm="x", nonce="x"', 'Digest realm="r", nonce=n, Basic'],
        ['Digest realm="x"', 'Digest realm="\\r", nonce="n"'],
    ],
)
def test_the_first_challenge_that_can_be_answered_is_found_among_others(fields: list[str]) -> None:
    """RFC 9110, section 11.6.1: one field may have several, and several may have one each."""
    challenge = challenge_of(*fields)
    assert (challenge.realm, challenge.nonce) == ("r", "n")


@cases(
    "field",
    ["", "Digest", "Basic realm=a", 'realm="r", nonce="n"', "Digest realm=r", "Digest nonce=",
     'Bearer realm="Digest nonce=n"', 'Digest nonce="n"' + " " * 9000],
)  # fmt: skip
def test_what_is_no_digest_challenge_is_none(field: str) -> None:
    assert parse_challenges([field])[0] is None


@cases("text", ["a" * 8000, "a=" * 4000, '"' * 8000, "a " * 4000, 'a="' * 2700])
def test_no_challenge_takes_long_to_read(text: str) -> None:
    assert takes_linear_time(lambda size: parse_challenges([text[:size]]), len(text))


def header_of(logins: DigestLogins, origin: str, login: Credentials = MUFASA) -> str | None:
    auth = logins.auth(origin, login)
    if auth is None:
        return None
    request = auth(requests.Request("GET", "http://h/a;b?c=d").prepare())
    return str(request.headers["Authorization"])


def test_a_nonce_is_counted_for_its_origin_and_log_in() -> None:
    """Others are told nothing of it. The target is as it is sent, parameters included."""
    logins, field = DigestLogins(), 'Digest realm="r", nonce="n", qop="auth"'
    assert header_of(logins, "http://h:80") is None
    assert logins.learn("http://h:80", MUFASA, [field], repeated=False)
    for count in (1, 2, 3):
        header = header_of(logins, "http://h:80") or ""
        assert f"nc=0000000{count}," in header
        assert 'uri="/a;b?c=d"' in header
    assert header_of(logins, "https://h:443") is None
    assert header_of(logins, "http://h:80", Credentials(b"Mufasa", b"other")) is None
    assert logins.learn("http://h:80", MUFASA, [field], repeated=False)
    assert "nc=00000004" in (header_of(logins, "http://h:80") or "")
    assert logins.learn("http://h:80", MUFASA, [field.replace('"n"', '"m"')], repeated=False)
    assert "nc=00000001" in (header_of(logins, "http://h:80") or "")


def test_a_wrong_password_is_not_sent_again_and_a_stale_nonce_is_replaced() -> None:
    logins, field = DigestLogins(), 'Digest realm="r", nonce="n", qop="auth"'
    assert logins.learn("o", MUFASA, [field], repeated=False)
    assert not logins.learn("o", MUFASA, [field], repeated=True)
    assert logins.learn("o", MUFASA, [f"{field}, stale=TRUE"], repeated=True)


def test_where_basic_is_asked_for_after_all_digest_is_forgotten() -> None:
    logins = DigestLogins()
    assert not logins.learn("o", MUFASA, ["Basic realm=a"], repeated=False)
    assert logins.learn("o", MUFASA, ['Digest realm="r", nonce="n"'], repeated=False)
    assert logins.learn("o", MUFASA, ["Basic realm=a"], repeated=False)
    assert header_of(logins, "o") is None
