"""URL → the name of a file."""

from __future__ import annotations

from hypothesis import assume, example, given
from hypothesis import strategies as st

from pyfetch.naming.components import (
    PathComponent,
    backup_name,
    file_name,
    first_free,
    is_safe_path,
    numbered,
    safe,
    split_extension,
    tagged,
)
from pyfetch.urls import Url
from tests.support.cases import cases
from tests.support.names import RESERVED, breaches, texts

BIDI_AND_INVISIBLE = "\u200b\u200e\u200f\u202a\u202e\u2066\u2069\ufeff"
ENDS_BADLY_WHERE_IT_IS_CUT = {
    "dot": "a" * 254 + "." + "b" * 40,
    "space": "a" * 254 + " " + "b" * 40,
    "wide space": "a" * 252 + "\u3000" + "b" * 40,
    "device": "con" + " " * 300 + "x",
    "device with extension": "con" + " " * 300 + "x.txt",
}

names = texts.map(safe)
urls = st.builds("http://host/{}".format, texts.filter(lambda text: not set(text) & set("\t\r\n")))


def any_url(text: str) -> Url:
    """Also one that no list may have: names are safe whatever comes."""
    return Url(text, "http://host:80", text.partition("#")[0])


@cases(
    ("url", "name"),
    [
        ("https://host/a/b/report.pdf", "report.pdf"),
        ("https://host/report.pdf?version=2&x=/y", "report.pdf"),
        ("https://host/report.pdf#page=/3", "report.pdf"),
        ("https://host/caf%C3%A9%20menu.txt", "café menu.txt"),
        ("https://host/%E2%82%AC.txt", "€.txt"),
        ("https://host/naïve.txt", "naïve.txt"),
        ("https://host/100%25.txt", "100%.txt"),
        ("https://host/a+b.txt", "a+b.txt"),
        ("https://host/a;type=i", "a;type=i"),
    ],
)
def test_a_file_is_named_by_the_last_segment_of_the_path_decoded(url: str, name: str) -> None:
    assert file_name(any_url(url)) == name


@cases(
    "url",
    ["https://host", "https://host/", "https://host/a/b/", "https://host/?q=x", "https://host#top"],
)
def test_an_empty_last_segment_is_index_html(url: str) -> None:
    assert file_name(any_url(url)) == "index.html"


@cases(
    ("segment", "name"),
    [
        ("..%2f..%2fetc%2fpasswd", "_._.._etc_passwd"),
        ("%2e%2e%2f%2e%2e%2fetc%2fpasswd", "_._.._etc_passwd"),
        ("%2fetc%2fpasswd", "_etc_passwd"),
        ("..%5c..%5cwindows%5cwin.ini", "_._.._windows_win.ini"),
        ("..\\..\\win.ini", "_._.._win.ini"),
        ("C:%5cwin.ini", "C__win.ini"),
        ("file.txt%00.png", "file.txt_.png"),
        ("file.txt:stream", "file.txt_stream"),
        ("%2e", "_"),
        ("%2e%2e", "__"),
        ("..", "__"),
    ],
)
def test_no_segment_leads_anywhere_else(segment: str, name: str) -> None:
    assert file_name(any_url(f"http://host/{segment}")) == name


def test_percent_escapes_are_decoded_once() -> None:
    assert file_name(any_url("http://host/a%252fb")) == "a%2fb"


@cases("segment", ["caf%E9.txt", "%ff%fe", "a%C3", "%ED%A0%80", "%C0%AE%C0%AE"])
def test_escapes_that_are_no_utf_8_stay_as_they_are(segment: str) -> None:
    assert file_name(any_url(f"http://host/{segment}")) == segment


@cases("segment", ["50%", "%zz.txt", "a%4"])
def test_a_percent_sign_that_escapes_nothing_stays(segment: str) -> None:
    assert file_name(any_url(f"http://host/{segment}")) == segment


@cases("character", RESERVED)
def test_reserved_characters_become_underscores(character: str) -> None:
    assert safe(f"a{character}b") == "a_b"


@cases("character", [*"\0\t\n\x1b\x7f\x85\u2028\u2029", *BIDI_AND_INVISIBLE])
def test_control_and_bidi_characters_become_underscores(character: str) -> None:
    assert safe(f"invoice{character}fdp.exe") == "invoice_fdp.exe"


def test_half_a_surrogate_pair_becomes_an_underscore() -> None:
    assert safe("a\ud800b\udcffc") == "a_b_c"


@cases(
    "device",
    [
        "CON", "con", "Prn", "AUX", "nul", "COM1", "com9", "LPT0", "lpt¹", "CONIN$", "conout$",
        "CON.txt", "com1.tar.gz", "aux .txt",
    ],
)  # fmt: skip
def test_device_names_get_an_underscore_in_front(device: str) -> None:
    assert safe(device).startswith(f"_{device[:3]}")


@cases("name", ["console", "com", "com10", "lpt", "a.con", "auxiliary.txt"])
def test_names_that_only_look_like_devices_are_kept(name: str) -> None:
    assert safe(name) == name


@cases(
    ("given_name", "name"),
    [
        (".htaccess", "_htaccess"),
        (".pyfetch", "_pyfetch"),
        ("\u3000.pyfetch ", "_pyfetch"),
        ("...", "___"),
        (" .hidden", "_hidden"),
    ],
)
def test_no_name_begins_with_a_dot(given_name: str, name: str) -> None:
    assert safe(given_name) == name


@cases(("given_name", "name"), [("-rf", "_-rf"), ("--", "_--"), (" -x", "_-x"), ("a-b", "a-b")])
def test_a_name_that_begins_with_a_dash_gets_an_underscore_in_front(
    given_name: str, name: str
) -> None:
    """Else `rm *` would take it for an option."""
    assert safe(given_name) == name


def test_a_backup_is_named_as_gnu_tools_name_it() -> None:
    assert backup_name(safe("README.md"), 1) == "README.md.~1~"
    assert len(backup_name(safe("é" * 127), 12).encode()) <= 255


@given(st.integers(0, 10**6))
def test_the_first_free_number_is_found_in_few_steps(taken: int) -> None:
    asked = []

    def is_taken(number: int) -> bool:
        asked.append(number)
        return number <= taken

    assert first_free(is_taken) == taken + 1
    assert len(asked) <= 2 * taken.bit_length() + 2


@given(st.sets(st.integers(1, 60)))
def test_a_free_number_is_free_also_where_some_before_it_are(taken: set[int]) -> None:
    number = first_free(taken.__contains__)
    assert number not in taken
    assert number == 1 or number - 1 in taken


@cases("path", ["../x", "a//b", "", "/etc/passwd", ".pyfetch/lock", "a/..", "-x"])
def test_a_path_with_a_component_that_is_not_safe_is_none(path: str) -> None:
    assert not is_safe_path(path)


@cases("segment", [".pyfetch", "%2epyfetch", "%20.pyfetch", "%E3%80%80.pyfetch", ".pyfetch%20"])
def test_no_url_names_the_state_directory(segment: str) -> None:
    assert file_name(any_url(f"http://host/{segment}")) == "_pyfetch"


@cases(
    ("given_name", "name"),
    [("a.", "a_"), ("a...", "a___"), ("a. .", "a___"), ("  a.txt  ", "a.txt"), ("   ", "_")],
)
def test_no_name_ends_in_a_dot_or_a_space(given_name: str, name: str) -> None:
    assert safe(given_name) == name


def test_letters_are_composed() -> None:
    assert safe("cafe\u0301") == safe("caf\u00e9") == "caf\u00e9"


@cases(
    ("stem", "kept"),
    [("a", "a" * 251), ("é", "é" * 125), ("€", "€" * 83), ("𝄞", "𝄞" * 62)],
)
def test_a_long_name_is_cut_to_255_bytes_at_a_character_and_keeps_its_extension(
    stem: str, kept: str
) -> None:
    assert safe(f"{stem * 300}.txt") == f"{kept}.txt"


def test_a_name_of_255_bytes_is_not_cut() -> None:
    assert safe("a" * 251 + ".txt") == "a" * 251 + ".txt"


def test_a_long_name_without_an_extension_is_cut_at_its_end() -> None:
    assert safe("a" * 300) == "a" * 255


@cases("long", ENDS_BADLY_WHERE_IT_IS_CUT.values())
def test_a_name_is_safe_where_it_is_cut_too(long: str) -> None:
    assert breaches(safe(long)) == []


@cases(
    ("name", "parts"),
    [
        ("a.txt", ("a", ".txt")),
        ("archive.tar.gz", ("archive", ".tar.gz")),
        ("archive.TAR.xz", ("archive", ".TAR.xz")),
        ("a.b.c", ("a.b", ".c")),
        ("tar.gz", ("tar", ".gz")),
        ("README", ("README", "")),
        (".profile", (".profile", "")),
        ("v1." + "x" * 32, ("v1", "." + "x" * 32)),
        ("v1." + "x" * 33, ("v1." + "x" * 33, "")),
    ],
)
def test_an_extension_is_what_follows_the_last_dot_and_tar_before_it(
    name: str, parts: tuple[str, str]
) -> None:
    assert split_extension(name) == parts


@given(texts)
@example("\ud800")
@example("")
@example("<\u0338")
@example(".\u0301")
def test_any_text_becomes_one_safe_component(text: str) -> None:
    name = safe(text)
    assert breaches(name) == []
    assert safe(text) == name


@given(urls)
def test_any_url_names_one_safe_component(url: str) -> None:
    name = file_name(any_url(url))
    assert breaches(name) == []
    assert file_name(any_url(url)) == name


@given(st.text(), texts)
def test_a_query_is_no_part_of_the_name(segment: str, query: str) -> None:
    assume(not set(segment + query) & set("\t\r\n?#"))
    assert file_name(any_url(f"http://host/x{segment}?{query}")) == file_name(
        any_url(f"http://host/x{segment}")
    )


@given(names, urls, st.integers(0, 10**6))
def test_a_tagged_name_is_another_safe_name_with_the_same_extension(
    name: PathComponent, url: str, attempt: int
) -> None:
    other = tagged(name, url, attempt)
    assert breaches(other) == []
    assert other != name
    assert other.endswith(split_extension(name)[1])
    assert tagged(name, url, attempt) == other


@given(names, st.integers(1, 10**6))
def test_a_numbered_name_is_another_safe_name_with_the_same_extension(
    name: PathComponent, number: int
) -> None:
    other = numbered(name, number)
    assert breaches(other) == []
    assert other != name or len(name.encode()) == 255  # one of full length may end so already
    assert other.endswith(split_extension(name)[1])


def test_a_number_stands_before_the_extension() -> None:
    assert numbered(safe("archive.tar.gz"), 2) == "archive-2.tar.gz"
    assert numbered(safe("README"), 12) == "README-12"


def test_a_tag_stands_before_the_extension_and_comes_from_the_url() -> None:
    name = safe("a.txt")
    of_one = tagged(name, "http://one/a.txt")
    of_two = tagged(name, "http://two/a.txt")
    assert of_one == tagged(name, "http://one/a.txt")
    assert of_one != of_two
    assert of_one.startswith("a-")
    assert of_one.endswith(".txt")


def test_each_further_tag_is_another() -> None:
    name = safe("a.txt")
    assert len({tagged(name, "http://one/a.txt", attempt) for attempt in range(100)}) == 100


@given(names, st.integers(1, 10**6), st.integers(1, 10**6))
def test_two_numbers_make_two_names(name: PathComponent, one: int, other: int) -> None:
    assume(one != other)
    assert numbered(name, one) != numbered(name, other)


def test_a_tag_of_a_url_that_is_no_unicode_is_a_name_all_the_same() -> None:
    assert breaches(tagged(safe("a.txt"), "http://host/\udcff")) == []
