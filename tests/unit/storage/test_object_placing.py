"""Objects whose keys leave no room for another one, and requests whose answers are lost."""

from __future__ import annotations

from typing import Any

import pytest

from pyfetch.models import TargetError
from pyfetch.storage.objects.address import LONGEST_KEY, BucketAddress
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_errors import ConditionFailed
from pyfetch.storage.objects.bucket_reading import MARK, SHA256
from pyfetch.storage.objects.object_placing import ObjectPlacer, Payload
from pyfetch.storage.placing import Placement, WhenThere

PATH = "/".join(["d" * 200] * 5)
LONGEST = PATH + "x" * (LONGEST_KEY - len(PATH) - len("p/"))


def placed(bucket: Bucket, path: str) -> str | None:
    """Put a body at this path. Returns the path of the backup."""
    body, attributes = Payload.of_bytes(b"new"), {MARK: "of this URL"}
    placement = Placement(WhenThere.BACK_UP)
    return ObjectPlacer(bucket, body, placement, attributes).place(path).backup


def test_an_object_whose_backup_would_have_too_long_a_key_stays() -> None:
    """The longest key is taken; only where something is there already, the URL fails."""
    bucket = Bucket(BucketAddress.of("memory:///p"))
    assert placed(bucket, LONGEST) is None
    bucket.put(LONGEST, b"theirs")
    with pytest.raises(TargetError) as failed:
        placed(bucket, LONGEST)
    assert f"the most is {LONGEST_KEY}" in failed.value.detail
    bucket.forget_probe()
    assert list(bucket.paths()) == [LONGEST]
    assert b"".join(bucket.blocks(LONGEST)) == b"theirs"
    with pytest.raises(TargetError):
        placed(bucket, f"{LONGEST}x")
    bucket.put("x", b"theirs")
    assert placed(bucket, "x") == "x.~1~"


class LosesAnswers(Bucket):
    """Its second request finds what the first one, whose answer was lost, has put."""

    there: tuple[bytes, dict[str, str]] | None = None
    """What another run of the same URL puts before that; None: nothing."""

    def put(self, path: str, data: Any, attributes: Any = None, **options: Any) -> str | None:
        if self.there:
            data, attributes = self.there
        super().put(path, data, attributes, **options)
        raise ConditionFailed


def test_where_an_etag_is_no_digest_an_object_is_known_by_the_one_that_it_has() -> None:
    """The ETags of this store are numbers. Another body of the same URL is not ours."""
    attributes = {MARK: "of this URL", SHA256: "of new"}
    body, keeps = Payload.of_bytes(b"new"), Placement(WhenThere.KEEP)
    bucket = LosesAnswers(BucketAddress.of("memory:///p"))
    bucket._obeys = True  # noqa: SLF001 - it is not tried, as all its requests fail
    placed = ObjectPlacer(bucket, body, keeps, attributes).place("x")
    assert (placed.path, placed.replaced) == ("x", False)
    for there in ((b"old", {**attributes, SHA256: "of old"}), (b"new", {SHA256: "of new"})):
        bucket.there = there
        with pytest.raises(TargetError, match="exists already"):
            ObjectPlacer(bucket, body, keeps, attributes).place(f"of {there[0]!r}")
