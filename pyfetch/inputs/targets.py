"""Records become entries: targets to fetch, or at once failed results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pyfetch.checksum import demanded_by
from pyfetch.inputs.record import BadRecord, Record
from pyfetch.models import Entry, Failure, Target, TargetError, failed_result
from pyfetch.urls import UnsupportedScheme, Url, parse_url, shown_of_split


def checked_url(text: str) -> Url:
    """The URL that a list gives. Raises `TargetError` if it cannot be fetched."""
    try:
        url = parse_url(text)
        if "#" in text:
            demanded_by(url.fragment)
        return url
    except UnsupportedScheme as error:
        raise TargetError(Failure.UNSUPPORTED_SCHEME, str(error)) from None
    except ValueError as error:
        raise TargetError(Failure.INVALID_URL, f"no URL: {error}") from None


def entry(index: int, record: Record | BadRecord, where: str) -> Entry:
    """The entry that a record becomes. `where` says in a failure's detail where it stands."""
    if isinstance(record, BadRecord):
        detail = f"{where}: {record.detail}"
        return failed_result(index, record.url, Failure.INVALID_URL, detail, record.input)
    text, *others = record.urls
    what = where
    mirrors = []
    try:
        url = checked_url(text)
        for number, mirror in enumerate(others, 1):
            what = f"{where}, mirror {number}"
            mirrors.append(checked_url(mirror))
    except TargetError as error:
        # A blank in a password may have made mirrors of its second half.
        shown = shown_of_split(text, " ".join(others))
        return failed_result(index, shown, error.failure, f"{what}: {error.detail}", record.input)
    return Target(
        index,
        url,
        checksum=record.checksum,
        size=record.size,
        mirrors=tuple(mirrors),
        headers=record.headers,
        out=record.out,
        input=record.input,
    )


def ignoring_query(entries: Iterable[Entry], parameters: Sequence[str]) -> Iterator[Entry]:
    """The same entries, for whose URLs these query parameters do not count (`--ignore-query`)."""
    return (one.ignoring(parameters) if isinstance(one, Target) else one for one in entries)
