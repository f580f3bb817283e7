"""Objects of buckets that lists name: they are fetched by URLs that are signed."""

from __future__ import annotations

from io import RawIOBase
from typing import Protocol

from pyfetch.inputs.record import BadRecord, Record
from pyfetch.settings.store_kinds import is_bucket
from pyfetch.urls import masked_url


class ListsInBuckets(Protocol):
    """Reads what is in buckets."""

    def open(self, address: str) -> RawIOBase:
        """Open a list, to read it once. Raises `UsageError`."""
        ...

    def signed(self, address: str) -> str:
        """The http or https URL of an object that a list names. Raises `ValueError`."""
        ...


def with_signed_urls(record: Record | BadRecord, buckets: ListsInBuckets) -> Record | BadRecord:
    """The record with URLs that can be fetched, if it names objects of a bucket."""
    if isinstance(record, BadRecord) or not any(map(is_bucket, record.urls)):
        return record
    try:
        urls = [buckets.signed(url) if is_bucket(url) else url for url in record.urls]
    except ValueError as error:
        return BadRecord(str(error), masked_url(record.urls[0]), record.input)
    return record._replace(urls=tuple(urls))
