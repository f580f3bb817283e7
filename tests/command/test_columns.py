"""`--url-column`, and names that are made from columns of the list and from media types."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.processes import children_of
from tests.support.server import Handler, LoopbackServer
from tests.support.waiting import until

Route = Callable[[Handler], None]
SOON = 20.0
BY_ID = ("--url-column", "image_url", "--name", "{input.id}{type_ext}", "-o", "data")


def of_type(media_type: str | None, body: bytes = b"content", etag: str = '"1"') -> Route:
    """A page of this media type, with a validator."""

    def route(handler: Handler) -> None:
        headers = {"ETag": etag}
        if media_type:
            headers["Content_Type"] = media_type
        if handler.headers.get("If-None-Match") == etag:
            handler.head(304, ETag=etag)
            return
        handler.answer(200, body, **headers)

    return route


def files(directory: Path) -> dict[str, bytes]:
    """What is below a directory, but for what is pyfetch's own."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".pyfetch" not in path.relative_to(directory).parts
    }


def fetched(pyfetch: Command, *arguments: str) -> list[dict[str, Any]]:
    ended = pyfetch(*arguments, "--format", "jsonl")
    assert ended.status in (0, 1), ended.err
    return ended.results


def paths(results: list[dict[str, Any]]) -> list[str]:
    return [str(result["path"]).removeprefix("data/") for result in results]


@pytest.fixture
def data(pyfetch: Command) -> Path:
    return pyfetch.directory / "data"


def write(pyfetch: Command, name: str, text: str) -> str:
    (pyfetch.directory / name).write_text(text)
    return name


def images(pyfetch: Command, *rows: str) -> str:
    return write(pyfetch, "images.csv", "\n".join(["id,image_url,title", *rows, ""]))


# Which column has the URL


def test_one_command_fetches_a_table_of_images_and_names_each_by_its_id(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes |= {"/1": of_type("image/jpeg", b"one"), "/2.jpeg": of_type("image/png", b"two")}
    table = images(pyfetch, f"17,{server.url}/1,a", f"18,{server.url}/2.jpeg,b")
    results = fetched(pyfetch, table, *BY_ID)
    assert files(data) == {"17.jpg": b"one", "18.png": b"two"}
    assert results[0]["input"] == {"id": "17", "title": "a"}


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_have_any_separator(
    pyfetch: Command, server: LoopbackServer, data: Path, separator: str
) -> None:
    server.routes["/1"] = of_type("image/gif")
    rows = [["id", "image_url"], ["7", f"{server.url}/1"]]
    table = write(pyfetch, "list", "".join(separator.join(row) + "\n" for row in rows))
    fetched(pyfetch, table, *BY_ID)
    assert list(files(data)) == ["7.gif"]


def test_a_heading_may_be_quoted(pyfetch: Command, server: LoopbackServer, data: Path) -> None:
    server.routes["/1"] = of_type("image/gif")
    table = write(pyfetch, "list.csv", f'"id","image_url"\n"7","{server.url}/1"\n')
    fetched(pyfetch, table, *BY_ID)
    assert list(files(data)) == ["7.gif"]
    ended = pyfetch(table, "--url-column", "other", "-o", "data")
    assert "no column 'other', but only: id, image_url" in ended.err


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_objects_have_their_url_under_a_key_of_any_name(
    pyfetch: Command, server: LoopbackServer, data: Path, form: str
) -> None:
    server.routes["/1"] = of_type("image/webp")
    said = {"id": 7, "image_url": f"{server.url}/1", "url": "page", "tags": {"kind": "cat"}}
    text = json.dumps([said]) if form == "json" else json.dumps(said)
    name = "{input.tags.kind}/{input.id}{type_ext}"
    arguments = ("--url-column", "image_url", "-o", "data", "--name", name)
    (result,) = fetched(pyfetch, write(pyfetch, f"list.{form}", text), *arguments)
    assert list(files(data)) == ["cat/7.webp"]
    assert result["input"] == {"id": 7, "url": "page", "tags": {"kind": "cat"}}


def test_the_key_of_the_url_may_be_within_an_object(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes["/1"] = of_type("image/webp")
    said = json.dumps({"id": 7, "image": {"src": f"{server.url}/1"}})
    lists = write(pyfetch, "list.jsonl", said)
    fetched(pyfetch, lists, "--url-column", "image.src", "-o", "data", "--name", "{input.id}")
    assert list(files(data)) == ["7"]


def test_a_column_may_be_said_by_its_number_below_a_heading(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes["/1"] = of_type("image/webp")
    table = images(pyfetch, f"7,{server.url}/1,")
    fetched(pyfetch, table, "--url-column", "2", "-o", "data", "--name", "{input.id}")
    assert list(files(data)) == ["7"]


def test_a_table_without_heading_has_numbers_for_its_columns(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes |= {"/1": of_type("image/webp"), "/2": of_type("image/webp")}
    table = write(pyfetch, "list.csv", f"a,{server.url}/1\nb,{server.url}/2\n")
    fetched(pyfetch, table, "--url-column", "2", "-o", "data", "--name", "{input.1}")
    assert sorted(files(data)) == ["a", "b"]


@pytest.mark.parametrize("first", ["htp://h/1", "example.org/1.jpg", "ftp://h/1"])
def test_a_first_row_with_a_bad_url_is_a_failure_and_no_heading(
    pyfetch: Command, server: LoopbackServer, first: str
) -> None:
    server.routes["/2"] = of_type("image/webp")
    table = write(pyfetch, "list.csv", f"a,{first}\nb,{server.url}/2\n")
    results = fetched(pyfetch, table, "--url-column", "2", "-o", "data", "--name", "{input.1}")
    assert [result["outcome"] for result in results] == ["failed", "fetched"]


def test_an_unknown_column_is_an_error_that_lists_those_there_are(pyfetch: Command) -> None:
    ended = pyfetch(images(pyfetch, "1,http://h/,t"), "--url-column", "picture", "-o", "data")
    assert ended.status == 2
    assert "no column 'picture', but only: id, image_url, title" in ended.err


def test_without_the_option_the_error_says_how_to_name_the_column(pyfetch: Command) -> None:
    ended = pyfetch(images(pyfetch, "1,http://h/,t"), "-o", "data")
    assert ended.status == 2
    assert "--url-column NAME" in ended.err


def test_an_object_without_the_key_fails_alone_and_says_which_keys_it_has(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/1"] = of_type("image/webp")
    lines = [json.dumps({"page": "x"}), json.dumps({"image_url": f"{server.url}/1", "id": 1})]
    bad, good = fetched(pyfetch, write(pyfetch, "list.jsonl", "\n".join(lines)), *BY_ID)
    assert "line 1: it has no key 'image_url', but only: 'page'" in bad["detail"]
    assert good["outcome"] == "fetched"


def test_a_list_of_urls_under_the_key_is_no_mirror_list(pyfetch: Command) -> None:
    text = json.dumps({"id": 1, "image_url": ["http://h/1", "http://h/2"]})
    (bad,) = fetched(pyfetch, write(pyfetch, "list.jsonl", text), *BY_ID)
    assert "a list of 2 texts, where one URL is needed" in bad["detail"]


@pytest.mark.parametrize("text", ["<urlset></urlset>", "<metalink/>"])
def test_a_list_without_columns_is_an_error(pyfetch: Command, text: str) -> None:
    ended = pyfetch(write(pyfetch, "list", text), "--url-column", "x", "-o", "data")
    assert ended.status == 2
    assert "has no columns" in ended.err


# Names from columns


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("../../etc/passwd", "_._.._etc_passwd"),
        (".pyfetch", "_pyfetch"),
        ("-rf", "_-rf"),
        ("a/b", "a_b"),
        ("con", "_con"),
        ("x" * 300, "x" * 255),
        ("a\u202eb", "a_b"),
    ],
)
def test_what_a_column_says_is_one_safe_component(
    pyfetch: Command, server: LoopbackServer, data: Path, said: str, name: str
) -> None:
    server.routes["/1"] = of_type("image/webp")
    lists = write(pyfetch, "list.jsonl", json.dumps({"url": f"{server.url}/1", "id": said}))
    fetched(pyfetch, lists, "-o", "data", "--name", "{input.id}")
    assert [path.name for path in data.iterdir() if path.name != ".pyfetch"] == [name]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "there is no 'id'"),
        ({"id": ""}, "'id' is empty"),
        ({"id": None}, "'id' is empty"),
        ({"id": ["a"]}, "neither a text nor a number"),
    ],
)
def test_a_record_without_the_value_fails_with_a_sentence(
    pyfetch: Command, server: LoopbackServer, data: Path, said: dict[str, Any], why: str
) -> None:
    server.routes |= {"/1": of_type("image/webp"), "/2": of_type("image/webp")}
    lines = [{"url": f"{server.url}/1", **said}, {"url": f"{server.url}/2", "id": 2}]
    lists = write(pyfetch, "list.jsonl", "\n".join(map(json.dumps, lines)))
    bad, _ = fetched(pyfetch, lists, "-o", "data", "--name", "{input.id}.x")
    assert why in bad["detail"]
    assert list(files(data)) == ["2.x"]
    assert [asked.path for asked in server.asked] == ["/2"]


def test_a_table_without_the_column_is_an_error_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer
) -> None:
    table = images(pyfetch, f"17,{server.url}/1,a")
    ended = pyfetch(table, "--url-column", "image_url", "--name", "{input.ID}", "-o", "data")
    assert ended.status == 2
    assert "{input.ID}" in ended.err
    assert "id, image_url, title" in ended.err


@pytest.mark.parametrize("name", ["{input}", "{input.}", "{input[id]}", "{input.a/b}"])
def test_a_field_that_names_no_column_is_an_error(pyfetch: Command, name: str) -> None:
    ended = pyfetch("http://h/", "--name", name)
    assert ended.status == 2
    assert "names no column" in ended.err


def test_a_demanded_checksum_may_be_the_name(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes["/1"] = of_type("image/webp", b"")
    digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    table = write(pyfetch, "list.csv", f"url,sha256\n{server.url}/1,{digest}\n")
    fetched(pyfetch, table, "-o", "data", "--name", "{input.sha256}{type_ext}")
    assert list(files(data)) == [f"{digest}.webp"]


# Names by media type


@pytest.mark.parametrize(
    ("media_type", "url", "name"),
    [
        ("image/jpeg", "/x", "7.jpg"),
        ("IMAGE/JPEG; charset=x", "/x.png", "7.jpg"),
        ("image/jpeg", "/x.jpeg", "7.jpg"),
        (None, "/x.jpeg", "7.jpg"),
        ("application/octet-stream", "/x.dat", "7.dat"),
        ("application/x-of-its-own", "/x", "7"),
        ("application/gzip", "/x.tar.gz", "7.tar.gz"),
        ("text/html; charset=utf-8", "/x.php", "7.html"),
    ],
)
def test_the_extension_is_that_of_the_media_type_and_else_the_urls(
    pyfetch: Command, server: LoopbackServer, data: Path, media_type: str, url: str, name: str
) -> None:
    server.routes[url] = of_type(media_type)
    table = images(pyfetch, f"7,{server.url}{url},")
    fetched(pyfetch, table, *BY_ID)
    assert list(files(data)) == [name]


@pytest.mark.parametrize("policy", ["refresh", "skip"])
def test_a_rerun_finds_the_file_again_under_the_extension_of_its_type(
    pyfetch: Command, server: LoopbackServer, data: Path, policy: str
) -> None:
    server.routes |= {"/1": of_type("image/jpeg"), "/2.gif": of_type("image/png")}
    table = images(pyfetch, f"7,{server.url}/1,", f"8,{server.url}/2.gif,")
    first = fetched(pyfetch, table, *BY_ID)
    server.asked.clear()
    again = fetched(pyfetch, table, *BY_ID, "--if-exists", policy)
    assert paths(again) == paths(first) == ["7.jpg", "8.png"]
    assert {result["outcome"] for result in again} <= {"unchanged", "skipped"}
    if policy == "skip":
        assert server.asked == []
    assert sorted(files(data)) == ["7.jpg", "8.png"]


@pytest.mark.parametrize(
    ("policy", "outcome", "names"),
    [
        ("replace", "fetched", ["7.jpg"]),
        ("rename", "fetched", ["7-1.jpg", "7.jpg"]),
        ("fail", "failed", ["7.jpg"]),
    ],
)
@pytest.mark.parametrize("state", [(), ("--no-state",)])
def test_what_is_to_be_done_with_a_file_that_is_there_holds_for_names_by_type(
    pyfetch: Command,
    server: LoopbackServer,
    data: Path,
    policy: str,
    outcome: str,
    names: list[str],
    state: tuple[str, ...],
) -> None:
    server.routes["/1"] = of_type("image/jpeg")
    table = images(pyfetch, f"7,{server.url}/1,")
    fetched(pyfetch, table, *BY_ID, *state)
    (result,) = fetched(pyfetch, table, *BY_ID, *state, "--if-exists", policy)
    assert result["outcome"] == outcome
    assert sorted(files(data)) == names


def test_a_file_of_another_type_now_gets_its_extension(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    table = images(pyfetch, f"7,{server.url}/1,")
    server.routes["/1"] = of_type("image/jpeg", b"old", '"1"')
    fetched(pyfetch, table, *BY_ID)
    server.routes["/1"] = of_type("image/png", b"new", '"2"')
    assert paths(fetched(pyfetch, table, *BY_ID)) == ["7.png"]
    server.asked.clear()
    assert paths(fetched(pyfetch, table, *BY_ID, "--if-exists", "skip")) == ["7.png"]
    assert server.asked == []


def test_a_half_fetched_file_goes_on_and_gets_the_extension_of_its_type(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    whole = b"0123456789" * 10_000

    def route(handler: Handler) -> None:
        headers = {"ETag": '"1"', "Accept_Ranges": "bytes"}
        wanted = handler.headers.get("Range")
        if wanted:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            headers["Content_Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
            handler.answer(206, whole[start:], **headers)  # without a type: RFC 9110, 15.3.7
            return
        handler.head(200, Content_Type="image/png", Content_Length=str(len(whole)), **headers)
        handler.send(whole[:50_000])
        handler.cut()

    server.routes["/1"] = route
    table = images(pyfetch, f"7,{server.url}/1,")
    assert paths(fetched(pyfetch, table, *BY_ID)) == ["7.png"]
    assert files(data) == {"7.png": whole}
    assert [asked.headers.get("Range") for asked in server.asked] == [None, "bytes=50000-"]


def test_a_plan_shows_the_extension_of_the_url_until_the_type_is_known(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/1.gif"] = of_type("image/png")
    table = images(pyfetch, f"7,{server.url}/1.gif,")
    assert pyfetch(table, *BY_ID, "--plan").rows[0][2] == "data/7.gif"
    fetched(pyfetch, table, *BY_ID)
    assert pyfetch(table, *BY_ID, "--plan").rows[0][2] == "data/7.png"


# Whose name it is


@pytest.mark.parametrize("policy", ["refresh", "skip"])
@pytest.mark.parametrize(
    ("before", "after"), [("/a", "/b"), ("/a.jpg", "/b.png"), ("/a", "/b.jpg")]
)
def test_an_entry_with_another_url_is_the_same_file_fetched_anew(
    pyfetch: Command, server: LoopbackServer, data: Path, policy: str, before: str, after: str
) -> None:
    server.routes |= {before: of_type("image/jpeg", b"a"), after: of_type("image/jpeg", b"b")}
    fetched(pyfetch, images(pyfetch, f"7,{server.url}{before},"), *BY_ID)
    table = images(pyfetch, f"7,{server.url}{after},")
    (result,) = fetched(pyfetch, table, *BY_ID, "--if-exists", policy)
    assert result["outcome"] == "fetched"
    assert files(data) == {"7.jpg": b"b"}
    (again,) = fetched(pyfetch, table, *BY_ID, "--if-exists", policy)
    assert again["outcome"] in ("unchanged", "skipped")


def test_entries_that_swap_their_urls_swap_their_files(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes |= {"/a": of_type("image/jpeg", b"a"), "/b": of_type("image/jpeg", b"b")}
    fetched(pyfetch, images(pyfetch, f"1,{server.url}/a,", f"2,{server.url}/b,"), *BY_ID)
    fetched(pyfetch, images(pyfetch, f"1,{server.url}/b,", f"2,{server.url}/a,"), *BY_ID)
    assert files(data) == {"1.jpg": b"b", "2.jpg": b"a"}


def test_two_entries_of_one_list_that_want_one_name_are_kept_apart(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes |= {"/a": of_type("image/jpeg", b"a"), "/b": of_type("image/jpeg", b"b")}
    table = images(pyfetch, f"1,{server.url}/a,", f"1,{server.url}/b,")
    first = paths(fetched(pyfetch, table, *BY_ID))
    assert sorted(files(data).values()) == [b"a", b"b"]
    assert paths(fetched(pyfetch, table, *BY_ID)) == first
    assert sorted(files(data).values()) == [b"a", b"b"]


def test_the_first_in_the_list_gets_the_name_whoever_answers_first(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    def late(handler: Handler) -> None:
        until(lambda: (data / "1.jpg").exists() or len(files(data)) == 1)
        of_type("image/jpeg", b"first")(handler)

    server.routes |= {"/a": late, "/b": of_type("image/jpeg", b"second")}
    table = images(pyfetch, f"1,{server.url}/a,", f"1,{server.url}/b,")
    first, second = paths(fetched(pyfetch, table, *BY_ID))
    assert first == "1.jpg"
    assert files(data) == {first: b"first", second: b"second"}


@pytest.mark.parametrize(
    "name", ["{index}-{input.id}", "{input.title}/{name}", "{input.title}{hash}"]
)
def test_a_template_with_the_index_or_the_urls_own_name_belongs_to_the_url(
    pyfetch: Command, server: LoopbackServer, data: Path, name: str
) -> None:
    server.routes |= {"/1/x": of_type("image/jpeg", b"a"), "/2/x": of_type("image/jpeg", b"b")}
    arguments = ("--url-column", "image_url", "--name", name, "-o", "data")
    fetched(pyfetch, images(pyfetch, f"7,{server.url}/1/x,t"), *arguments)
    fetched(pyfetch, images(pyfetch, f"7,{server.url}/2/x,t"), *arguments)
    assert sorted(files(data).values()) == [b"a", b"b"]


def test_without_state_the_users_file_of_that_name_gets_a_backup(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    server.routes["/1"] = of_type("image/jpeg", b"new")
    data.mkdir()
    (data / "7.jpg").write_bytes(b"mine")
    fetched(pyfetch, images(pyfetch, f"7,{server.url}/1,"), *BY_ID)
    assert files(data) == {"7.jpg": b"new", "7.jpg.~1~": b"mine"}


# Written back


@pytest.mark.parametrize("failed", ["failed.csv", "failed"])
def test_what_failed_is_written_with_all_columns_for_the_same_command(
    pyfetch: Command, server: LoopbackServer, data: Path, failed: str
) -> None:
    server.routes["/1"] = of_type("image/jpeg", b"a")
    table = images(pyfetch, f"1,{server.url}/1,x", f'2,{server.url}/2,"a, b"')
    fetched(pyfetch, table, *BY_ID, "--failed-to", failed)
    written = (pyfetch.directory / failed).read_text()
    assert f'2,{server.url}/2,"a, b"' in written
    assert "id,image_url,title" in written
    server.routes["/2"] = of_type("image/png", b"b")
    (again,) = fetched(pyfetch, failed, *BY_ID)
    assert again["input"] == {"id": "2", "title": "a, b"}
    assert files(data) == {"1.jpg": b"a", "2.png": b"b"}


def test_what_failed_of_several_lists_is_read_by_the_same_command(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    table = images(pyfetch, f"2,{server.url}/2,x")
    more = write(pyfetch, "more.jsonl", json.dumps({"image_url": f"{server.url}/3", "id": 3}))
    fetched(pyfetch, table, more, *BY_ID, "--failed-to", "failed")
    server.routes |= {"/2": of_type("image/png", b"b"), "/3": of_type("image/png", b"c")}
    fetched(pyfetch, "failed", *BY_ID)
    assert files(data) == {"2.png": b"b", "3.png": b"c"}


def test_a_table_without_heading_is_written_back_without_one(
    pyfetch: Command, server: LoopbackServer, data: Path
) -> None:
    table = write(pyfetch, "list.csv", f"a,{server.url}/1\nb,{server.url}/2\n")
    arguments = ("--url-column", "2", "-o", "data", "--name", "{input.1}")
    fetched(pyfetch, table, *arguments, "--failed-to", "failed")
    server.routes |= {"/1": of_type("image/webp"), "/2": of_type("image/webp")}
    fetched(pyfetch, "failed", *arguments)
    assert sorted(files(data)) == ["a", "b"]


# Over processes


@pytest.mark.slow
def test_names_by_columns_and_media_types_hold_over_processes(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """The process that fetches does not have the state: it asks the one that has."""
    rows = []
    for number in range(40):
        media_type = "image/jpeg" if number % 2 else "image/png"
        server.routes[f"/{number}.gif"] = of_type(media_type, str(number).encode())
        rows.append(f"{number // 4},{server.url}/{number}.gif,")
    table = write(Command(forked.directory), "images.csv", "\n".join(["id,image_url,x", *rows]))
    first = forked(table, *BY_ID, "--processes", "2", "--format", "jsonl")
    assert first.status == 0, first.err
    bodies = {Path(row["path"]).name: row["index"] - 1 for row in first.results}
    assert len(bodies) == 40
    found = files(forked.directory / "data")
    assert found == {name: str(number).encode() for name, number in bodies.items()}
    again = forked(table, *BY_ID, "--processes", "2", "--format", "jsonl", "--if-exists", "skip")
    assert [row["path"] for row in again.results] == [row["path"] for row in first.results]
    assert {row["outcome"] for row in again.results} == {"skipped"}


@pytest.mark.slow
def test_a_name_that_a_killed_process_got_is_the_same_for_the_one_that_goes_on(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    body, go_on = bytes(range(256)) * 1000, threading.Event()

    def slowly(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(body)), Content_Type="image/png", ETag='"1"')
        handler.send(body[:100_000])
        handler.wfile.flush()
        go_on.wait(SOON)
        handler.send(body[100_000:])

    rows = []
    for number in range(20):
        server.routes[f"/{number}"] = slowly
        rows.append(f"{number // 2},{server.url}/{number},")
    table = write(Command(forked.directory), "images.csv", "\n".join(["id,image_url,x", *rows]))
    with forked.start(table, *BY_ID, "--processes", "2") as running:
        until(lambda: server.at_once == 8)
        first, *_ = children_of(running.pid)
        os.kill(first, signal.SIGKILL)
        go_on.set()
        running.communicate()
    assert running.returncode == 0
    found = files(forked.directory / "data")
    assert {*found.values()} == {body}
    assert len(found) == 20
    assert {f"{number}.png" for number in range(10)} <= found.keys()


@pytest.mark.slow
def test_names_that_servers_give_hold_over_processes(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    for number in range(20):
        server.routes[f"/{number}"] = given(f"{number // 2}.txt", str(number).encode())
    urls = [f"{server.url}/{number}" for number in range(20)]
    arguments = ("--content-disposition", "--processes", "2", "-o", "data", "--format", "jsonl")
    ended = forked(*urls, *arguments)
    assert ended.status == 0, ended.err
    assert sorted(files(forked.directory / "data").values()) == sorted(
        str(number).encode() for number in range(20)
    )
    assert {f"{number}.txt" for number in range(10)} <= files(forked.directory / "data").keys()


def given(name: str, body: bytes) -> Route:
    """A page whose name the server gives."""
    return lambda handler: handler.answer(
        200, body, Content_Disposition=f'attachment; filename="{name}"'
    )
