"""Fixtures of the commands that save into buckets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.buckets import (
    BucketOfTests,
    BucketServer,
    MotoServer,
    rclone_server,
)


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    """rclone as a server of S3."""
    with rclone_server(tmp_path_factory.mktemp("rclone")) as running:
        yield running


@pytest.fixture(scope="session")
def moto() -> Iterator[BucketServer]:
    """A server of S3 that obeys conditions."""
    with MotoServer() as running:
        yield running


@pytest.fixture
def bucket(rclone: BucketServer) -> BucketOfTests:
    return rclone.bucket()


@pytest.fixture
def strict_bucket(moto: BucketServer) -> BucketOfTests:
    """A bucket on a server that obeys conditions."""
    return moto.bucket()
