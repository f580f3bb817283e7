"""What is fuzzed: each target takes any bytes, and must neither raise nor break its promises."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import cast

import requests

from pyfetch.errors import UsageError
from pyfetch.headers import Fields, parse_content_range
from pyfetch.http.adapter import extract_cookies
from pyfetch.http.cookies import load_cookies, new_cookie_jar
from pyfetch.http.credentials import BadNetrc, Credentials, parse_netrc
from pyfetch.http.digest import parse_challenges
from pyfetch.http.rate_limit import asked_wait, parse_retry_after, wait_when_spent
from pyfetch.http.read_buffer import ReadBuffer
from pyfetch.http.redirects import resolve
from pyfetch.http.response import UNTIL_CLOSE, Response, receive_response
from pyfetch.http.response_head import MAX_FIELDS, StatusLine
from pyfetch.inputs import InputFormat, Sources
from pyfetch.inputs.columns import Columns
from pyfetch.models import Result, Target, TargetError
from pyfetch.naming.components import safe
from pyfetch.naming.content_disposition import file_name_given
from pyfetch.naming.template import Template, wanted_path
from pyfetch.text import masked
from pyfetch.urls import escape_url, masked_url, parse_url

NOW = 1_700_000_000.0
_TEMPLATE = Template("{host}/{dir}/{name}")


def _list_of(form: InputFormat, url_column: str | None = None) -> Callable[[bytes], None]:
    file = Path(tempfile.mkdtemp(), "list")

    def read(data: bytes) -> None:
        file.write_bytes(data)
        indices = []
        try:
            for entry in Sources(
                [str(file)],
                input_format=form,
                keep_lines=True,
                base="http://h/",
                columns=Columns(url_column),
            ):
                indices.append(entry.index)
                assert isinstance(entry, Target) or (isinstance(entry, Result) and entry.detail)
                if isinstance(entry, Target):
                    path = wanted_path(entry, _TEMPLATE)
                    assert all(part == safe(part) for part in path.split("/")), path
        except UsageError:
            assert form in (InputFormat.AUTO, InputFormat.CSV, InputFormat.TSV)  # no heading
        assert indices == list(range(1, len(indices) + 1))

    return read


def _cookie_file(data: bytes) -> None:
    file = Path(tempfile.gettempdir(), f"fuzzed-cookies-{os.getpid()}")
    file.write_bytes(data)
    with contextlib.suppress(UsageError):
        for cookie in load_cookies(str(file)):
            assert not set(f"{cookie.name}{cookie.value}") & set("\r\n\0")


def _netrc(data: bytes) -> None:
    with contextlib.suppress(BadNetrc):
        hosts, _ = parse_netrc(data.decode("latin-1"))
        assert all(host == host.lower() for host in hosts)


def _disposition(data: bytes) -> None:
    name = file_name_given(data.decode("latin-1"))
    if name is not None:
        assert name.strip() not in ("", ".", "..")
        assert not set(name) & set("/\\")
        assert len(safe(name).encode()) <= 255


def _content_range(data: bytes) -> None:
    found = parse_content_range(data.decode("latin-1"))
    if found:
        assert 0 <= found.first <= found.last < found.total


def _retry_after(data: bytes) -> None:
    text = data.decode("latin-1")
    found = parse_retry_after(text, NOW)
    assert found is None or found >= 0
    for name in ("Retry-After", "RateLimit", "X-RateLimit-Reset"):
        fields = {name: text, "RateLimit-Policy": text, "X-RateLimit-Remaining": "0"}
        for wait in (asked_wait(fields), wait_when_spent(fields)):
            assert wait is None or wait >= 0


class _Connection:
    """A socket that has nothing but these bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def recv(self, size: int) -> bytes:
        data, self._data = self._data[:size], self._data[size:]
        return data


def _response(data: bytes) -> None:
    reusable: list[bool] = []
    received = 0
    with contextlib.suppress(HTTPException):
        connection = cast("socket.socket", _Connection(data))
        response = receive_response(parse_url("http://h/"), ReadBuffer(connection), reusable.append)
        assert len(response.headers) <= MAX_FIELDS
        while piece := response.read(1000):
            received += len(piece)
        assert len(reusable) == 1
    assert received <= len(data)
    assert len(reusable) <= 1


def _url(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert "s3cret" not in masked_url(f"//u:s3cret@{text}")
    masked(text)
    with contextlib.suppress(ValueError):
        url = parse_url(text)
        assert parse_url(escape_url(text)).origin == url.origin


def _location(data: bytes) -> None:
    with contextlib.suppress(TargetError):
        resolve(parse_url("http://h/a?b#c"), data.decode("latin-1"))


def _challenge(data: bytes) -> None:
    challenge, _ = parse_challenges([data.decode("latin-1")])
    if challenge:
        answer = challenge.answer(Credentials(b"u", b"s3cret"), "/", 1, "c")
        assert answer.startswith("Digest ")
        assert "s3cret" not in answer


def _set_cookie(data: bytes) -> None:
    text = data.decode("latin-1")
    fields = Fields([("set-cookie", text), ("set-cookie2", text)])
    url, unread = parse_url("http://www.example.org/"), cast("ReadBuffer", None)
    response = Response(url, StatusLine(1, 200, ""), fields, UNTIL_CLOSE, unread, lambda _: None)
    jar = new_cookie_jar()
    extract_cookies(jar, requests.Request("GET", url.text).prepare(), response)
    for cookie in jar:
        assert cookie.domain in ("www.example.org", ".www.example.org", ".example.org")


_LISTS = [form for form in InputFormat if form is not InputFormat.AUTO]
TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "auto": (_list_of(InputFormat.AUTO), [b"url,out\nhttp://h/,x\n", b"\x1f\x8b\x08\0"]),
    **{str(form): (_list_of(form), []) for form in _LISTS},
    "url-column": (
        _list_of(InputFormat.AUTO, "2"),
        [b"a,http://h/\nb,http://h/2\n", b'{"2": "http://h/"}\n', b'"a";"b"\n1;http://h/\n'],
    ),
    "cookie-file": (_cookie_file, [b"h.test\tTRUE\t/\tFALSE\t0\ta\tb\n"]),
    "netrc": (_netrc, [b'machine h login "a\\" b" password c # d\nmacdef m\nx\n\ndefault login e']),
    "content-disposition": (
        _disposition,
        [b'attachment; filename="a\\"b.txt"; filename*=UTF-8\'en\'%e2%82%ac.txt'],
    ),
    "content-range": (_content_range, [b"bytes 0-499/1234", b"bytes */10"]),
    "retry-after": (
        _retry_after,
        [b"120", b"Tue, 14 Nov 2023 22:13:20 GMT", b'"default";r=0;t=30', b"1700000100"],
    ),
    "url": (_url, [b"http://u:p@h:80/100%%20?q#f", b"@////", b"http://[fe80::1%eth0]/"]),
    "location": (_location, [b"//h/%\xe9", b"http:////h/", b"../a?b"]),
    "challenge": (
        _challenge,
        [b'Basic realm="a", Digest realm="r", nonce="n", qop="auth, auth-int", algorithm=MD5-sess'],
    ),
    "set-cookie": (
        _set_cookie,
        [b"a=b; Domain=.example.org; Path=/; Expires=Tue, 14 Nov 2023 22:13:20 GMT; Secure"],
    ),
    "response": (
        _response,
        [
            b"HTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nbody",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ],
    ),
}
_SEEDS = {
    "lines": b"http://h/a\thttp://m/a out='a b' sha256=" + b"0" * 64 + b" header='K: V'\n",
    "aria2": b"http://h/a\thttp://m/a\n  out=a\n  checksum=md5=" + b"0" * 32 + b"\n",
    "csv": b'url,out,sha256,size,header,note\nhttp://h/,"a\nb",,3,K: V,x\n',
    "tsv": b"url\tmirrors\nhttp://h/\thttp://m/\n",
    "jsonl": b'{"url": ["http://h/"], "headers": {"K": "V"}, "size": 1, "x": null}\n"http://h/"\n',
    "sitemap": b"<?xml version='1.0'?><urlset><url><loc>http://h/&amp;</loc></url></urlset>",
    "metalink": (
        b"<metalink><file name='a'><size>1</size><hash type='sha-256'>00</hash>"
        b"<url priority='1'>http://h/</url></file></metalink>"
    ),
}
for _name, _seed in _SEEDS.items():
    TARGETS[_name][1].append(_seed)
