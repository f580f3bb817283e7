"""`{host}/{dir}/{name}` → where a file goes, below the output directory."""

from __future__ import annotations

import hashlib
import posixpath
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from pyfetch.errors import UsageError
from pyfetch.models import Target
from pyfetch.naming.components import (
    MAX_PATH,
    RelativePath,
    beside,
    fault,
    file_name,
    numbered_path,
    safe,
    split_extension,
    tagged,
    tagged_path,
)
from pyfetch.naming.template import Said, Template, belongs_to_entry, wanted_path
from pyfetch.naming.template_text import FIELDS
from pyfetch.urls import parse_url
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time
from tests.support.names import breaches, texts

NAME = Template("{name}")
TEMPLATES = [
    "{name}",
    "{host}/{dir}/{name}",
    "{dir}",
    "{dir}/{dir}/{dir}/{name}",
    "{index:06}-{stem}{ext}",
    "{query}/{query}",
    "{query}{name}",
    "{ext}",
    "{stem}{query}{ext}",
    "{scheme}/{host}/{hash}{ext}",
    "{ext}{stem}/con{ext}/{stem}{host}",
    "{{{stem}}}",
]


def target(url: str, *, index: int = 1, out: str | None = None) -> Target:
    return Target(index, parse_url(url), out=out)


def filled(template: str, url: str, name: str | None = None) -> str:
    return Template(template).path(target(url), Said(name))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_target(url: str) -> bool:
    try:
        parse_url(url)
    except ValueError:
        return False
    return True


deep = st.text("./\\aé%2e", min_size=1, max_size=6).map(lambda text: f"{text}/" * 300)
paths = st.one_of(texts, st.lists(texts, max_size=6).map("/".join), deep)
hosts = st.sampled_from(["h", "HOST.example", "[::1]", "1.2.3.4:81", "user:pw@h", "bücher.de", "."])
urls = st.builds(
    "{}://{}/{}?{}".format, st.sampled_from(["http", "https"]), hosts, paths, texts
).filter(is_target)
wishes = st.one_of(
    st.none(), paths, st.text("./\\a~ :é", max_size=12), st.sampled_from(["../../x", ".pyfetch/x"])
)
directories = st.lists(texts.map(safe), min_size=1, max_size=8)
safe_paths = directories.map(lambda d: wanted_path(target("http://h/", out="/".join(d)), NAME))


def breaches_of_path(path: str) -> list[str]:
    """The laws for a path that this one breaks."""
    components = path.split("/")
    law = {
        "relative": not posixpath.isabs(path),
        "inside": posixpath.normpath(path) == path and not path.startswith(".."),
        "valid UTF-8": path.encode().decode() == path,
        "at most 1024 bytes": len(path.encode()) <= 1024,
        "normal form C": unicodedata.is_normalized("NFC", path),
        "not the state's": ".pyfetch" not in components,
        "safe components": not any(breaches(component) for component in components),
    }
    return [promise for promise, kept in law.items() if not kept]


# Fields


@cases(
    ("template", "path"),
    [
        ("{host}/{dir}/{name}", "files.example/pub/v1.2/archive.tar.gz"),
        ("{name}", "archive.tar.gz"),
        ("{stem}", "archive"),
        ("{stem}{ext}", "archive.tar.gz"),
        ("{stem}-{index}{ext}", "archive-7.tar.gz"),
        ("{index:06}{ext}", "000007.tar.gz"),
        ("{index:03d}", "007"),
        ("{scheme}/{name}", "https/archive.tar.gz"),
        ("{query}", "a=1&b=x_y"),
        ("{dir}", "pub/v1.2"),
        ("all/{name}", "all/archive.tar.gz"),
        ("file", "file"),
    ],
)
def test_fields_come_from_the_url_and_its_place_in_the_input(template: str, path: str) -> None:
    url = "https://FILES.example/pub/v1.2/archive.tar.gz?a=1&b=x%2fy#top"
    assert Template(template).path(target(url, index=7)) == path


def test_the_hash_is_that_of_the_url_without_credentials_and_fragment() -> None:
    hashed = sha256("https://h/a.txt?q")[:16]
    assert filled("{hash}{ext}", "https://me:secret@h/a.txt?q#top") == f"{hashed}.txt"


@cases(
    ("origin", "host"),
    [
        ("http://h", "h"),
        ("http://h:80", "h"),
        ("https://h:443", "h"),
        ("http://h:443", "h_443"),
        ("https://me:secret@H.Example:8080", "h.example_8080"),
        ("http://[2001:DB8::1]", "2001_db8__1"),
        ("http://[2001:db8::1]:8080", "2001_db8__1_8080"),
        ("http://BÜCHER.example", "bücher.example"),
        ("http://h.", "h_"),
        ("http://con", "_con"),
    ],
)
def test_a_host_is_in_lower_case_with_its_port_unless_that_is_the_schemes_own(
    origin: str, host: str
) -> None:
    assert filled("{host}/{name}", f"{origin}/x") == f"{host}/x"


@cases(
    ("url", "path"),
    [
        ("http://h/x", "h/x"),
        ("http://h/", "h/index.html"),
        ("http://h", "h/index.html"),
        ("http://h/a/x", "h/a/x"),
        ("http://h/a/b/", "h/a/b/index.html"),
        ("http://h//a///b/x", "h/a/b/x"),
        ("http://h/caf%C3%A9/x", "h/café/x"),
        ("http://h/%2e%2e/../.git/x", "h/__/__/_git/x"),
        ("http://h/a%2f..%2fb/x", "h/a_.._b/x"),
        ("http://h/..%5c..%5cx/y", "h/_._.._x/y"),
        ("http://h/.pyfetch/state.sqlite3", "h/_pyfetch/state.sqlite3"),
    ],
)
def test_directories_are_as_many_as_the_url_has_and_each_is_safe(url: str, path: str) -> None:
    assert filled("{host}/{dir}/{name}", url) == path


def test_no_url_leads_into_the_state_directory() -> None:
    assert filled("{dir}/{name}", "http://h/.pyfetch/state.sqlite3") == "_pyfetch/state.sqlite3"
    assert filled("{query}/{name}", "http://h/lock?.pyfetch") == "_pyfetch/lock"


def test_the_name_that_the_server_gave_takes_the_place_of_the_urls() -> None:
    url = "http://h/a/download?id=5"
    assert filled("{host}/{dir}/{name}", url, "report.pdf") == "h/a/report.pdf"
    assert filled("{stem}-{index}{ext}", url, "report.pdf") == "report-1.pdf"
    assert filled("{name}", url, "../../etc/passwd") == "_._.._etc_passwd"


def test_an_empty_name_from_the_server_is_none() -> None:
    assert filled("{name}", "http://h/a.txt", "") == "a.txt"


def test_a_component_that_comes_out_empty_vanishes() -> None:
    assert filled("{query}/{name}", "http://h/x") == "x"
    assert filled("{ext}/{query}/{name}", "http://h/x?q") == "q/x"


@cases("template", ["{query}", "{dir}", "{ext}"])
def test_a_last_component_that_comes_out_empty_is_an_underscore(template: str) -> None:
    assert filled(template, "http://h/x") == "_"
    assert filled("{host}/" + template, "http://h/x") == "h/_"


def test_doubled_braces_are_braces() -> None:
    assert filled("{{{stem}}}-{{name}}/{{{{", "http://h/x.txt") == "{x}-{name}/{{"


def test_a_component_is_made_safe_as_a_whole() -> None:
    assert filled("con{ext}", "http://h/x.txt") == "_con.txt"
    assert filled("{ext}{stem}", "http://h/x.txt") == "_txtx"
    assert filled("{name}{query}", "http://h/x?%20.") == "x__"


def test_a_component_that_is_too_long_is_cut_and_keeps_its_extension() -> None:
    path = filled("{query}-{stem}{ext}", f"http://h/x.tar.gz?{'q' * 400}")
    assert path == "q" * (255 - len(".tar.gz")) + ".tar.gz"


def test_letters_of_a_template_are_composed() -> None:
    assert filled("cafe\u0301/{name}", "http://h/x") == "caf\u00e9/x"


@given(urls)
def test_stem_and_extension_make_the_name(url: str) -> None:
    assert filled("{stem}{ext}", url) == filled("{name}", url) == file_name(parse_url(url))


# Templates that cannot be used


@cases(
    ("template", "reason"),
    [
        ("", "is empty (write one like {host}/{dir}/{name})"),
        ("{nme}", "no field {nme} (there are {index}, {scheme}, {host}, {name}, {stem}, {ext}"),
        ("{}", "no field {}"),
        ("{0}", "no field {0}"),
        ("{ name }", "no field { name }"),
        ("{host/name}", "no field {host/name}"),
        ("{host", "write {{ or }}"),
        ("host}", "write {{ or }}"),
        ("{", "write {{ or }}"),
        ("{name[}", "write {{ or }}"),
        ("{name!r}", "conversion (write {name})"),
        ("{name.__class__}", "part of a field (write {name})"),
        ("{name[0]}", "part of a field (write {name})"),
        ("{name:10}", "{name:10} asks for a format (write {name})"),
        ("{index:6}", "write {index:06}"),
        ("{index:x}", "write {index:06}"),
        ("{index:0}", "write {index:06}"),
        ("{index:0100}", "write {index:06}"),
        ("{index:{name}}", "write {index:06}"),
        ("{index:/06}", "write {index:06}"),
        ("/etc/{name}", "begins with /"),
        ("/", "begins with /"),
        ("a//{name}", "a component is empty"),
        ("{name}/", "a component is empty"),
        ("../{name}", "'..' is no name"),
        ("a/./{name}", "'.' is no name"),
        ("a/..", "'..' is no name"),
        ("a\\{name}", "write / between components"),
        (".{name}", "a dot in front"),
        (".pyfetch/{name}", "a dot in front"),
        ("a/.git/x", "a dot in front"),
        ("{host}:/{name}", "':' is not allowed"),
        ("C:/{name}", "':' is not allowed"),
        ("{name}\n", r"'\n' is not allowed"),
        ("a\u202e{name}", r"'\u202e' is not allowed"),
        ("a\udcff{name}", r"'\udcff' is not allowed"),
        ("{name}.", "dots at the end"),
        ("a./{name}", "dots at the end"),
        ("{host} /{name}", "spaces at its ends"),
        (" {name}", "spaces at its ends"),
        ("con/{name}", "'con' is no safe name: Windows takes it for a device"),
        ("{host}/NUL.{ext}", "device"),
        ("a" * 256, "255 bytes"),
        ("a{dir}b", "alone between slashes"),
        ("{dir}-{name}", "alone between slashes"),
        ("{host}/{dir}{dir}", "alone between slashes"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_and_says_why(template: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        Template(template)
    message = str(caught.value)
    assert reason in message
    assert message.isprintable()
    assert "(write " in message or "(leave " in message or "(there are " in message


@cases("field", ["index", "host", "dir", "name", "stem", "ext", "hash", "scheme"])
def test_an_unknown_field_lists_those_that_there_are(field: str) -> None:
    with pytest.raises(UsageError, match=f"there are .*{{{field}}}"):
        Template("{unknown}")


@cases("field", FIELDS)
def test_each_field_that_is_told_of_can_be_filled(field: str) -> None:
    assert breaches_of_path(filled(f"{{{field}}}", "http://h/x")) == []


@cases("template", ["com{index}", "a.{ext}", "{{", "{stem}.x", "é"])
def test_a_template_whose_text_is_safe_with_any_fields_is_taken(template: str) -> None:
    assert breaches_of_path(filled(template, "http://h/x")) == []


@given(st.text(alphabet="{}/.\\:abdirname[]!0 \n", max_size=20))
@example("{name!}")
def test_any_text_is_a_template_or_a_usage_error(text: str) -> None:
    try:
        template = Template(text)
    except UsageError:
        return
    assert breaches_of_path(template.path(target("http://h/a/b.txt?q"))) == []


@given(texts)
def test_a_component_has_a_fault_if_and_only_if_it_would_be_changed(text: str) -> None:
    composed = unicodedata.normalize("NFC", text)
    assert (fault(composed) is None) == (safe(composed) == composed)


# What the list wants


@cases(
    ("out", "path"),
    [
        ("b.txt", "b.txt"),
        ("a/b.txt", "a/b.txt"),
        ("a\\b.txt", "a/b.txt"),
        ("./a//./b.txt", "a/b.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\a", "C_/a"),
        ("../../a", "__/__/a"),
        (".pyfetch/lock", "_pyfetch/lock"),
        ("~/a", "~/a"),
        ("con/a. ", "_con/a_"),
    ],
)
def test_a_file_goes_where_the_list_wants_it_made_safe(out: str, path: str) -> None:
    assert wanted_path(target("http://h/x", out=out), Template("{host}/{name}")) == path


@cases(
    ("out", "directory"),
    [("a/", "a/"), ("a\\", "a/"), ("a/b//", "a/b/"), ("/", ""), (".", ""), ("a/.", "a/")],
)
def test_a_wanted_place_that_ends_in_a_separator_is_a_directory(out: str, directory: str) -> None:
    wanting = target("http://h/x.txt", out=out)
    assert wanted_path(wanting, NAME) == f"{directory}x.txt"
    assert wanted_path(wanting, NAME, Said("given.pdf")) == f"{directory}given.pdf"


@cases("out", [None, ""])
def test_where_the_list_wants_nothing_the_template_says_where(out: str | None) -> None:
    wanting = target("http://h/x", out=out)
    assert wanted_path(wanting, Template("{host}/{name}")) == "h/x"
    assert wanted_path(wanting, Template("{host}/{name}"), Said("given")) == "h/given"


def test_what_the_list_wants_goes_before_the_name_that_the_server_gave() -> None:
    assert wanted_path(target("http://h/x", out="a"), NAME, Said("given")) == "a"


# From columns of the list


@cases(
    ("template", "names_entries"),
    [
        ("{input.id}{type_ext}", True),
        ("{input.id}", True),
        ("{host}/{dir}/{input.id}{ext}", True),
        ("{input.kind}/{input.id}-small.jpg", True),
        ("{input.kind}/{name}", False),
        ("{input.id}{stem}", False),
        ("{input.id}{query}", False),
        ("{hash}{input.id}", False),
        ("{input.id}/x", False),
        ("{index}/{input.id}", False),
        ("{name}", False),
        ("{{input.id}}", False),
    ],
)
def test_a_template_names_entries_if_only_the_list_says_which_file_it_is(
    template: str, names_entries: bool
) -> None:
    assert Template(template).names_entries is names_entries
    assert belongs_to_entry(target("http://h/x"), Template(template)) is names_entries
    assert belongs_to_entry(target("http://h/x", out="a"), Template(template))
    assert not belongs_to_entry(target("http://h/x", out="a/"), Template(template))


@cases(
    ("template", "uses_type"),
    [("{stem}{type_ext}", True), ("{ext}", False), ("{{type_ext}}", False)],
)
def test_a_template_knows_whether_it_depends_on_the_answer(template: str, uses_type: bool) -> None:
    assert Template(template).uses_type is uses_type


@given(
    st.dictionaries(st.sampled_from(["a", "b"]), texts | st.integers() | st.none()),
    st.none() | texts,
    st.sampled_from(["{input.a}", "{input.a}/{input.b}{type_ext}", "x{input.b}-{input.a}/{name}"]),
)
def test_whatever_a_list_says_a_target_goes_to_one_safe_path(
    said: dict[str, object], media_type: str | None, text: str
) -> None:
    wanting = target("http://h/x.txt")._replace(input=said)
    template = Template(text)
    path = wanted_path(wanting, template, Said(media_type=media_type))
    assert breaches_of_path(path) == []
    assert wanted_path(wanting, template, Said(media_type=media_type)) == path


# Whatever comes


@given(urls, wishes, st.none() | texts, st.sampled_from(TEMPLATES), st.integers(1, 10**9))
@example("http://h/" + "é" * 300, None, None, "{dir}", 1)
@example("http://h/" + "a/" * 600, None, ".", "{host}/{dir}/{name}", 1)
@example("http://h/", "../" * 400, "..", "{name}", 1)
def test_any_target_goes_to_one_safe_path(
    url: str, out: str | None, name: str | None, text: str, index: int
) -> None:
    wanting = target(url, index=index, out=out)
    path = wanted_path(wanting, Template(text), Said(name))
    assert breaches_of_path(path) == []
    assert wanted_path(wanting, Template(text), Said(name)) == path


# Paths that are too long


def test_a_path_of_1024_bytes_is_not_cut() -> None:
    url = f"http://h/{'a/' * 510}abcd"
    assert filled("{dir}/{name}", url) == url.removeprefix("http://h/")
    assert len(url.removeprefix("http://h/")) == MAX_PATH == 1024


def test_a_path_that_is_too_long_keeps_its_first_directories_and_its_name() -> None:
    uncut = f"{'a/' * 510}abcde"
    path = filled("{dir}/{name}", f"http://h/{uncut}")
    assert path == f"{'a/' * 501}{sha256(uncut)[:16]}/abcde"
    assert len(path) == 1024


def test_the_first_directory_that_does_not_fit_ends_those_that_are_kept() -> None:
    uncut = f"{'b' * 250}/" * 4 + "a/" * 99 + "name.txt"
    path = filled("{dir}/{name}", f"http://h/{uncut}")
    assert path == f"{'b' * 250}/" * 3 + f"{sha256(uncut)[:16]}/name.txt"


def test_a_path_is_measured_in_bytes() -> None:
    path = filled("{dir}/{name}", f"http://h/{'é/' * 400}x")
    assert 1020 <= len(path.encode()) <= 1024


def test_two_long_paths_that_differ_in_the_middle_stay_two() -> None:
    one, other = (
        filled("{dir}/{name}", f"http://h/{'a/' * 2000}{middle}/{'a/' * 2000}x") for middle in "bc"
    )
    assert one != other


@pytest.mark.slow
def test_a_path_of_many_directories_takes_linear_time() -> None:
    template = Template("{host}/{dir}/{name}")

    def fill(size: int) -> None:
        many = target(f"http://h/{'é/' * size}x")
        assert breaches_of_path(template.path(many)) == []

    assert takes_linear_time(fill, 20_000)


# Other paths where one is taken


def test_a_tag_and_a_number_are_put_to_the_last_component() -> None:
    path = RelativePath("v1.0/archive.tar.gz")
    name = tagged(safe("archive.tar.gz"), "http://h/")
    assert tagged_path(path, "http://h/") == f"v1.0/{name}"
    assert tagged_path(path, "http://h/", 1) != tagged_path(path, "http://h/")
    assert numbered_path(path, 2) == "v1.0/archive-2.tar.gz"
    assert numbered_path(RelativePath("a"), 2) == "a-2"


@given(safe_paths, urls, st.integers(0, 10**6))
def test_a_tagged_path_is_another_safe_path_with_the_same_extension(
    path: RelativePath, url: str, attempt: int
) -> None:
    other = tagged_path(path, url, attempt)
    assert breaches_of_path(other) == []
    assert other != path
    assert other.endswith(split_extension(path.rpartition("/")[2])[1])
    assert tagged_path(path, url, attempt) == other


@given(safe_paths, st.integers(1, 10**6), st.integers(1, 10**6))
def test_two_numbers_make_two_safe_paths(path: RelativePath, one: int, other: int) -> None:
    assume(one != other)
    assert breaches_of_path(numbered_path(path, one)) == []
    assert numbered_path(path, one) != numbered_path(path, other)


def test_a_tag_makes_no_path_too_long() -> None:
    path = RelativePath("a/" * 510 + "abcd")
    for other in (tagged_path(path, "http://h/"), numbered_path(path, 1), beside(path, 0)):
        assert breaches_of_path(other) == []


def test_beside_a_file_a_directory_gets_another_name_and_the_rest_stays() -> None:
    path = RelativePath("a/b.d/c/x.txt")
    assert beside(path, 1) == f"a/{tagged(safe('b.d'), 'a/b.d')}/c/x.txt"
    assert beside(path, 0) == f"{tagged(safe('a'), 'a')}/b.d/c/x.txt"


def test_all_files_below_a_directory_go_to_the_same_other_one() -> None:
    one, other = (beside(RelativePath(f"a/b/{rest}"), 1) for rest in ("x", "c/y"))
    assert one.split("/")[:2] == other.split("/")[:2]


def test_directories_of_the_same_name_in_two_places_get_two_other_names() -> None:
    one, other = (beside(RelativePath(f"{parent}/b/x"), 1) for parent in "ac")
    assert one.split("/")[1] != other.split("/")[1]


@given(safe_paths, st.data())
def test_beside_a_file_a_path_is_safe_and_each_further_one_is_new(
    path: RelativePath, data: st.DataObject
) -> None:
    assume("/" in path)
    depth = data.draw(st.integers(0, path.count("/") - 1))
    other = beside(path, depth)
    assert breaches_of_path(other) == []
    assert len({path, other, beside(other, depth)}) == 3
    assert beside(path, depth) == other
