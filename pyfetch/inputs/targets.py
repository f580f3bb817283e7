"""Makes entries of records: targets to fetch, or failed results; and recognizes duplicates."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from pyfetch.checksum import demanded_by
from pyfetch.errors import UsageError
from pyfetch.inputs.record import BadRecord, Record
from pyfetch.models import Entry, Failure, Target, TargetError, failed_result
from pyfetch.settings import Settings
from pyfetch.settings.store_kinds import is_bucket, not_allowed
from pyfetch.text import may_hold_credentials, shown_of_split
from pyfetch.urls import UnsupportedScheme, Url, is_url, looks_like_a_url, masked_url, parse_url

if TYPE_CHECKING:  # loaded where files are named only
    from pyfetch.naming.template import Template


def checked_url(text: str) -> Url:
    """Return the URL that a list contains. Raises `TargetError` if it cannot be fetched."""
    try:
        url = parse_url(text)
        if may_hold_credentials(text):
            raise ValueError(
                "its user and password may have been taken for a host and a path"
                " (in a password, / is %2F, ? is %3F and # is %23; in a path, @ is %40)"
            )
        if "#" in text:
            demanded_by(url.fragment)
        return url
    except UnsupportedScheme as error:
        detail = not_allowed(masked_url(text)) if is_bucket(text) else str(error)
        raise TargetError(Failure.UNSUPPORTED_SCHEME, detail) from None
    except ValueError as error:
        detail = f"no URL: {error}"
        if looks_like_a_url(text):
            detail += f" (as https://{masked_url(text)} does)"
        raise TargetError(Failure.INVALID_URL, detail) from None


def checked_base(text: str) -> str:
    """Return the base of relative URLs. Raises `UsageError` if it is no URL."""
    try:
        parse_url(text)
    except ValueError as error:
        raise UsageError(f"the base {masked_url(text)!r} is no URL: {error}") from None
    return text


def resolved(record: Record | BadRecord, base: str | None) -> Record | BadRecord:
    """Return the record with absolute URLs (RFC 3986, section 5)."""
    if base is None or isinstance(record, BadRecord) or all(map(is_url, record.urls)):
        return record
    return record._replace(urls=tuple(_resolved(url, base) for url in record.urls))


def _resolved(url: str, base: str) -> str:
    with contextlib.suppress(ValueError):  # `checked_url` will say what is wrong
        return url if is_url(url) else urljoin(base, url)
    return url


def entry(index: int, record: Record | BadRecord, where: str, base: str | None = None) -> Entry:
    """Return the entry for a record. `where`: where the record is, for the detail of a failure."""
    if base is not None:
        record = resolved(record, base)
    if isinstance(record, BadRecord):
        detail = f"{where}: {record.detail}"
        return failed_result(index, record.url, Failure.INVALID_URL, detail, record.input)
    text, *others = record.urls
    what = where
    mirrors: list[Url] = []
    try:
        url = checked_url(text)
        for mirror in others:
            what = f"{where}, mirror {len(mirrors) + 1}"
            mirrors.append(checked_url(mirror))
    except TargetError as error:
        # If a password contains a blank, its second half may look like a mirror.
        shown = shown_of_split(text, " ".join(others))
        return failed_result(index, shown, error.failure, f"{what}: {error.detail}", record.input)
    return Target(
        index, url, None, record.checksum, record.size, tuple(mirrors), record.headers, record.out,
        record.input,
    )  # fmt: skip


def with_login(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same entries, of which those of the first URL's origin take what is meant for it alone.

    That is the login (`--user`), and the cookies that a program has given as a mapping.
    """
    first = None
    for one in entries:
        if isinstance(one, Target):
            first = first or one.origin
            yield one._replace(takes_login=True) if one.origin == first else one
        else:
            yield one


def as_settings_say(entries: Iterable[Entry], settings: Settings) -> Iterable[Entry]:
    """The same entries, as a run with these settings takes them.

    Some query parameters do not count (`--ignore-query`), and what lacks a column from which its
    name is made (`{input.COLUMN}`) fails.
    """
    if settings.ignore_query:
        entries = _ignoring_query(entries, settings.ignore_query)
    return entries if settings.discard else _with_columns(entries, settings.name)


def _ignoring_query(entries: Iterable[Entry], parameters: Sequence[str]) -> Iterator[Entry]:
    return (one.ignoring(parameters) if isinstance(one, Target) else one for one in entries)


def _with_columns(entries: Iterable[Entry], name: str) -> Iterable[Entry]:
    from pyfetch.naming.template import Template

    template = Template(name)
    return _named(entries, template) if template.columns else entries


def _named(entries: Iterable[Entry], template: Template) -> Iterator[Entry]:
    from pyfetch.naming.template import why_unnamed

    for one in entries:
        if isinstance(one, Target) and (why := why_unnamed(one, template)):
            yield one.as_failed(Failure.INVALID_URL, why)
        else:
            yield one


class Duplicates:
    """Remembers the files that were requested, as digests in a temporary database.

    For one thread, but any thread may close it.
    """

    def __init__(self) -> None:
        from pyfetch.database import temporary_database  # most runs need none, and it takes time

        self._database = temporary_database("seen (digest BLOB PRIMARY KEY)")

    def __enter__(self) -> Duplicates:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def seen(self, target: Target) -> bool:
        """Whether a target with the same URL and the same `out` came before."""
        key = f"{target.url.exact}\0{target.out or ''}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(key, digest_size=16).digest()
        added = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,))
        return added.rowcount == 0
