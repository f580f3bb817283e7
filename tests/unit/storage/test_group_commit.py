"""Commits are made together where several threads wait, and none returns before its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from pyfetch.storage.group_commit import GroupCommit


def test_rows_of_several_threads_share_commits_and_each_is_committed_when_its_write_returns() -> (
    None
):
    commits: list[list[int]] = []

    def commit(rows: list[int]) -> None:
        time.sleep(0.001)
        commits.append(rows)

    group = GroupCommit(commit)

    def write(row: int) -> bool:
        group.write([row])
        return any(row in rows for rows in commits)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(80)))
    assert sorted(row for rows in commits for row in rows) == list(range(80))
    assert len(commits) < 80


def test_a_commit_that_fails_fails_for_all_that_wait_for_it_and_for_no_other() -> None:
    commits: list[list[int]] = []

    def commit(rows: list[int]) -> None:
        time.sleep(0.001)
        commits.append(rows)
        if 30 in rows:
            raise OSError(str(rows))

    group = GroupCommit(commit)

    def write(row: int) -> str | None:
        try:
            group.write([row])
        except OSError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(write, range(80)))
    (failed,) = [rows for rows in commits if 30 in rows]
    assert ends == [str(failed) if row in failed else None for row in range(80)]
