"""What becomes of objects whose keys leave no room for another one beside them."""

from __future__ import annotations

import pytest

from pyfetch.models import TargetError
from pyfetch.storage.objects.address import LONGEST_KEY, BucketAddress
from pyfetch.storage.objects.bucket import Bucket
from pyfetch.storage.objects.bucket_reading import MARK
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
