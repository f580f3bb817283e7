"""The file name that a `Content-Disposition` field gives."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyfetch.naming.components import safe
from pyfetch.naming.content_disposition import file_name_given
from tests.support.cases import cases
from tests.support.measuring import takes_linear_time


@dataclass(frozen=True, slots=True)
class Case:
    field: str
    page: str | None
    """The name by http://test.greenbytes.de/tech/tc2231/; None where the field gives none."""
    name: str | None = None
    """What pyfetch takes, where that is another."""
    why: str = ""

    @property
    def expected(self) -> str | None:
        return self.name if self.why else self.page


WHOLE_VALUE = "what has no quotes goes on to the semicolon: half a name would be worse"
NO_TYPE = "the type does not matter, so it may be missing or be wrong"
NO_CONTINUATIONS = "RFC 8187 leaves continuations out, and the URL has a name too"
SPARE_SEMICOLONS = "spare semicolons make nothing ambiguous"

TC2231 = {
    "inlonly": Case("inline", None),
    "inlonlyquoted": Case('"inline"', None),
    "inlwithasciifilename": Case('inline; filename="foo.html"', "foo.html"),
    "inlwithfnattach": Case('inline; filename="Not an attachment!"', "Not an attachment!"),
    "inlwithasciifilenamepdf": Case('inline; filename="foo.pdf"', "foo.pdf"),
    "attonly": Case("attachment", None),
    "attonlyquoted": Case('"attachment"', None),
    "attonlyucase": Case("ATTACHMENT", None),
    "attwithasciifilename": Case('attachment; filename="foo.html"', "foo.html"),
    "attwithasciifilename25": Case(
        'attachment; filename="0000000000111111111122222"', "0000000000111111111122222"
    ),
    "attwithasciifilename35": Case(
        'attachment; filename="00000000001111111111222222222233333"',
        "00000000001111111111222222222233333",
    ),
    "attwithasciifnescapedchar": Case(r'attachment; filename="f\oo.html"', "foo.html"),
    "attwithasciifnescapedquote": Case(
        r'attachment; filename="\"quoting\" tested.html"', '"quoting" tested.html'
    ),
    "attwithquotedsemicolon": Case(
        'attachment; filename="Here\'s a semicolon;.html"', "Here's a semicolon;.html"
    ),
    "attwithfilenameandextparam": Case('attachment; foo="bar"; filename="foo.html"', "foo.html"),
    "attwithfilenameandextparamescaped": Case(
        r'attachment; foo="\"\\";filename="foo.html"', "foo.html"
    ),
    "attwithasciifilenameucase": Case('attachment; FILENAME="foo.html"', "foo.html"),
    "attwithasciifilenamenq": Case("attachment; filename=foo.html", "foo.html"),
    "attwithtokfncommanq": Case(
        "attachment; filename=foo,bar.html", None, "foo,bar.html", WHOLE_VALUE
    ),
    "attwithasciifilenamenqs": Case(
        "attachment; filename=foo.html ;", None, "foo.html", SPARE_SEMICOLONS
    ),
    "attemptyparam": Case("attachment; ;filename=foo", None, "foo", SPARE_SEMICOLONS),
    "attwithasciifilenamenqws": Case(
        "attachment; filename=foo bar.html", None, "foo bar.html", WHOLE_VALUE
    ),
    "attwithfntokensq": Case("attachment; filename='foo.bar'", "'foo.bar'"),
    "attwithisofnplain": Case('attachment; filename="foo-\xe4.html"', "foo-ä.html"),
    "attwithutf8fnplain": Case(
        'attachment; filename="foo-\xc3\xa4.html"',
        "foo-\xc3\xa4.html",
        "foo-ä.html",
        "senders of such bytes mean UTF-8, and browsers take them so",
    ),
    "attwithfnrawpctenca": Case('attachment; filename="foo-%41.html"', "foo-%41.html"),
    "attwithfnusingpct": Case('attachment; filename="50%.html"', "50%.html"),
    "attwithfnrawpctencaq": Case(r'attachment; filename="foo-%\41.html"', "foo-%41.html"),
    "attwithnamepct": Case('attachment; name="foo-%41.html"', None),
    "attwithfilenamepctandiso": Case('attachment; filename="\xe4-%41.html"', "ä-%41.html"),
    "attwithfnrawpctenclong": Case(
        'attachment; filename="foo-%c3%a4-%e2%82%ac.html"', "foo-%c3%a4-%e2%82%ac.html"
    ),
    "attwithasciifilenamews1": Case('attachment; filename ="foo.html"', "foo.html"),
    "attwith2filenames": Case(
        'attachment; filename="foo.html"; filename="bar.html"',
        None,
        "foo.html",
        "of two names the first counts",
    ),
    "attfnbrokentoken": Case(
        "attachment; filename=foo[1](2).html", None, "foo[1](2).html", WHOLE_VALUE
    ),
    "attfnbrokentokeniso": Case(
        "attachment; filename=foo-\xe4.html", None, "foo-ä.html", WHOLE_VALUE
    ),
    "attfnbrokentokenutf": Case(
        "attachment; filename=foo-\xc3\xa4.html", None, "foo-ä.html", WHOLE_VALUE
    ),
    "attmissingdisposition": Case("filename=foo.html", None, "foo.html", NO_TYPE),
    "attmissingdisposition2": Case("x=y; filename=foo.html", None, "foo.html", NO_TYPE),
    "attmissingdisposition3": Case('"foo; filename=bar;baz"; filename=qux', None, "qux", NO_TYPE),
    "attmissingdisposition4": Case(
        "filename=foo.html, filename=bar.html", None, "foo.html", "of two names the first counts"
    ),
    "emptydisposition": Case("; filename=foo.html", None, "foo.html", NO_TYPE),
    "doublecolon": Case(": inline; attachment; filename=foo.html", None, "foo.html", NO_TYPE),
    "attandinline": Case("inline; attachment; filename=foo.html", None, "foo.html", NO_TYPE),
    "attandinline2": Case("attachment; inline; filename=foo.html", None, "foo.html", NO_TYPE),
    "attbrokenquotedfn": Case(
        'attachment; filename="foo.html".txt',
        None,
        "foo.html",
        "the quoted string is whole, whatever follows it",
    ),
    "attbrokenquotedfn2": Case('attachment; filename="bar', None),
    "attbrokenquotedfn3": Case('attachment; filename=foo"bar;baz"qux', None),
    "attmultinstances": Case(
        "attachment; filename=foo.html, attachment; filename=bar.html",
        None,
        "foo.html",
        "of two fields, which come joined by a comma, the first counts",
    ),
    "attmissingdelim": Case("attachment; foo=foo filename=bar", None),
    "attmissingdelim2": Case("attachment; filename=bar foo=foo ", None, "bar foo=foo", WHOLE_VALUE),
    "attmissingdelim3": Case("attachment filename=bar", None),
    "attreversed": Case("filename=foo.html; attachment", None, "foo.html", NO_TYPE),
    "attconfusedparam": Case("attachment; xfilename=foo.html", None),
    "attabspath": Case('attachment; filename="/foo.html"', "foo.html"),
    "attabspathwin": Case(r'attachment; filename="\\foo.html"', "foo.html"),
    "attcdate": Case('attachment; creation-date="Wed, 12 Feb 1997 16:29:51 -0500"', None),
    "attmdate": Case('attachment; modification-date="Wed, 12 Feb 1997 16:29:51 -0500"', None),
    "dispext": Case("foobar", None),
    "dispextbadfn": Case('attachment; example="filename=example.txt"', None),
    "attwithisofn2231iso": Case("attachment; filename*=iso-8859-1''foo-%E4.html", "foo-ä.html"),
    "attwithfn2231utf8": Case(
        "attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac.html", "foo-ä-€.html"
    ),
    "attwithfn2231noc": Case("attachment; filename*=''foo-%c3%a4-%e2%82%ac.html", None),
    "attwithfn2231utf8comp": Case(
        "attachment; filename*=UTF-8''foo-a%cc%88.html",
        "foo-ä.html",
        "foo-a\u0308.html",
        "naming.safe composes the letters of every name",
    ),
    "attwithfn2231utf8-bad": Case(
        "attachment; filename*=iso-8859-1''foo-%c3%a4-%e2%82%ac.html", None
    ),
    "attwithfn2231iso-bad": Case("attachment; filename*=utf-8''foo-%E4.html", None),
    "attwithfn2231ws1": Case("attachment; filename *=UTF-8''foo-%c3%a4.html", None),
    "attwithfn2231ws2": Case("attachment; filename*= UTF-8''foo-%c3%a4.html", "foo-ä.html"),
    "attwithfn2231ws3": Case("attachment; filename* =UTF-8''foo-%c3%a4.html", "foo-ä.html"),
    "attwithfn2231quot": Case(
        "attachment; filename*=\"UTF-8''foo-%c3%a4.html\"",
        None,
        "foo-ä.html",
        "with or without the quotes it says the same, and some senders write them",
    ),
    "attwithfn2231quot2": Case('attachment; filename*="foo%20bar.html"', None),
    "attwithfn2231singleqmissing": Case("attachment; filename*=UTF-8'foo-%c3%a4.html", None),
    "attwithfn2231nbadpct1": Case("attachment; filename*=UTF-8''foo%", None),
    "attwithfn2231nbadpct2": Case("attachment; filename*=UTF-8''f%oo.html", None),
    "attwithfn2231dpct": Case("attachment; filename*=UTF-8''A-%2541.html", "A-%41.html"),
    "attwithfn2231abspathdisguised": Case("attachment; filename*=UTF-8''%5cfoo.html", "foo.html"),
    "attfncont": Case(
        'attachment; filename*0="foo."; filename*1="html"', "foo.html", None, NO_CONTINUATIONS
    ),
    "attfncontqs": Case(
        r'attachment; filename*0="foo"; filename*1="\b\a\r.html"',
        "foobar.html",
        None,
        NO_CONTINUATIONS,
    ),
    "attfncontenc": Case(
        "attachment; filename*0*=UTF-8''foo-%c3%a4; filename*1=\".html\"",
        "foo-ä.html",
        None,
        NO_CONTINUATIONS,
    ),
    "attfncontlz": Case(
        'attachment; filename*0="foo"; filename*01="bar"', "foo", None, NO_CONTINUATIONS
    ),
    "attfncontnc": Case(
        'attachment; filename*0="foo"; filename*2="bar"', "foo", None, NO_CONTINUATIONS
    ),
    "attfnconts1": Case('attachment; filename*1="foo."; filename*2="html"', None),
    "attfncontord": Case(
        'attachment; filename*1="bar"; filename*0="foo"', "foobar", None, NO_CONTINUATIONS
    ),
    "attfnboth": Case(
        "attachment; filename=\"foo-ae.html\"; filename*=UTF-8''foo-%c3%a4.html", "foo-ä.html"
    ),
    "attfnboth2": Case(
        "attachment; filename*=UTF-8''foo-%c3%a4.html; filename=\"foo-ae.html\"", "foo-ä.html"
    ),
    "attfnboth3": Case(
        "attachment; filename*0*=ISO-8859-15''euro-sign%3d%a4; "
        "filename*=ISO-8859-1''currency-sign%3d%a4",
        "currency-sign=¤",
    ),
    "attnewandfn": Case('attachment; foobar=x; filename="foo.html"', "foo.html"),
    "attrfc2047token": Case(
        "attachment; filename==?ISO-8859-1?Q?foo-=E4.html?=",
        None,
        "=?ISO-8859-1?Q?foo-=E4.html?=",
        WHOLE_VALUE,
    ),
    "attrfc2047quoted": Case(
        'attachment; filename="=?ISO-8859-1?Q?foo-=E4.html?="', "=?ISO-8859-1?Q?foo-=E4.html?="
    ),
}


def test_the_name_is_that_of_tc2231_or_another_for_a_reason() -> None:
    names = {title: file_name_given(case.field) for title, case in TC2231.items()}
    assert names == {title: case.expected for title, case in TC2231.items()}


def test_a_reason_stands_where_the_name_is_another_than_tc2231_has() -> None:
    for title, case in TC2231.items():
        assert bool(case.why) == (file_name_given(case.field) != case.page), title


def test_a_name_of_decomposed_letters_is_saved_as_tc2231_has_it() -> None:
    case = TC2231["attwithfn2231utf8comp"]
    assert safe(file_name_given(case.field) or "") == case.page


@cases(
    ("field", "name"),
    [
        ("Attachment; filename=example.html", "example.html"),
        ('INLINE; FILENAME= "an example.html"', "an example.html"),
        ("attachment; filename*= UTF-8''%e2%82%ac%20rates", "€ rates"),
        ("attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "€ rates"),
    ],
)
def test_the_examples_of_rfc_6266_section_5_are_read(field: str, name: str) -> None:
    assert file_name_given(field) == name


@cases(
    ("parameter", "name"),
    [
        ("filename=Economy", "Economy"),
        ('filename="US-$ rates"', "US-$ rates"),
        ("filename*=utf-8'en'%C2%A3%20rates", "£ rates"),
        ("filename*=UTF-8''%c2%a3%20and%20%e2%82%ac%20rates", "£ and € rates"),
        ("filename*=iso-8859-1'en'%A3%20rates", "£ rates"),
    ],
)
def test_the_examples_of_rfc_8187_section_3_2_3_are_read(parameter: str, name: str) -> None:
    """The last is the one of RFC 5987, for the charset that RFC 8187 no longer asks for."""
    assert file_name_given(f"attachment; {parameter}") == name


@cases(
    "extended",
    [
        "windows-1252''a.txt",
        "ISO-8859-15''euro%A4.txt",
        "us-ascii''caf%C3%A9.txt",
        "utf-8''%ED%A0%80.txt",
        "utf-8''%C0%AE%C0%AE",
        "utf-8''\u0394.txt",
        "utf-8''",
        "utf-8''..",
        "utf-8''a%2f",
        "'",
        "",
        "utf-8''a\"b\".txt",
    ],
)
def test_a_filename_star_that_gives_none_gives_way_to_filename(extended: str) -> None:
    assert file_name_given(f"attachment; filename*={extended}; filename=plain.txt") == "plain.txt"
    assert file_name_given(f"attachment; filename=plain.txt; filename*={extended}") == "plain.txt"


@cases(
    ("parameter", "name"),
    [
        ("filename*=UTF-8''it's (1) *new*.txt", "it's (1) *new*.txt"),
        ("filename*=UTF-8''caf\xc3\xa9.txt", "café.txt"),
        ("filename*=utf8''a.txt", "a.txt"),
        ("filename*=us-ascii'en-us'a%20b.txt", "a b.txt"),
        ("filename=voil\xc3\xa0", "voilà"),
        ("filename=\u0394.txt", "\u0394.txt"),
        ("filename=a.txt; x=\"never ends; filename*=UTF-8''b.txt", "a.txt"),
        ('filename="a.txt" size=3', "a.txt"),
        ('filename="a.txt" size="3"', "a.txt"),
        ('filename="a;b.txt", attachment; filename="c.txt"', "a;b.txt"),
        ("filename=a.txt, inline, attachment; filename=c.txt", "a.txt"),
        ("filename=a.txt, Attachment; filename=c.txt", "a.txt"),
        ("filename=the attachment, inline.txt", "the attachment, inline.txt"),
        ('filename=a"b; filename=c', None),
        ('filename=a"b"; filename=c', "c"),
        ("\tfilename\t=\ta.txt\t", "a.txt"),
    ],
)
def test_a_defect_costs_no_more_than_what_it_makes_ambiguous(
    parameter: str, name: str | None
) -> None:
    assert file_name_given(f"attachment; {parameter}") == name


@cases(
    "field",
    [
        'attachment; filename="the "best" of.pdf"',
        'attachment; filename="a.txt\\"',
        'attachment; filename="a.txt; x=y',
        "attachment; filename=\"a.txt; filename*=UTF-8''b.txt",
    ],
)
def test_quotes_that_do_not_match_give_no_name(field: str) -> None:
    assert file_name_given(field) is None


@cases("value", ["", '""', " ", '" "', ".", "..", "/", "a/", "a\\..", '"a/.."', '"\\\\"', '".. "'])
def test_what_names_no_file_is_none(value: str) -> None:
    assert file_name_given(f"attachment; filename={value}") is None


@cases(
    ("value", "name"),
    [
        ('"../../etc/passwd"', "passwd"),
        ("/etc/passwd", "passwd"),
        (r"C:\temp\a.txt", "a.txt"),
        (r'"C:\\temp\\a.txt"', "a.txt"),
        (r'"a/b\\c.txt"', "c.txt"),
        (r'"a\\b/c.txt"', "c.txt"),
    ],
)
def test_only_the_last_segment_counts(value: str, name: str) -> None:
    assert file_name_given(f"attachment; filename={value}") == name


@cases("escaped", ["..%2f..%2fetc%2fpasswd", "%2Fpasswd", "..%5C..%5Cpasswd"])
def test_an_escaped_separator_is_one(escaped: str) -> None:
    assert file_name_given(f"attachment; filename*=UTF-8''{escaped}") == "passwd"


def test_no_field_gives_no_name() -> None:
    assert file_name_given(None) is None
    assert file_name_given("") is None


def test_a_field_longer_than_64_kib_gives_none() -> None:
    field = "attachment; filename=a.txt;"
    assert file_name_given(field.ljust(65536)) == "a.txt"
    assert file_name_given(field.ljust(65537)) is None


REPEATED = (
    ['"', '\\"', '"\\', "a", ";", "=", ",", ", ", " ", '";', "x=", 'x="', ",filename", ",inline ",
     "%", "%4", "'", "filename*=utf-8''%", '"a"']
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("start", ["", "attachment; filename=", 'filename="', "filename*=utf-8''"])
def test_the_longest_field_takes_no_time(start: str) -> None:
    """Were the time quadratic, it would be many seconds."""
    for repeated in REPEATED:

        def take(size: int, field: str = (start + repeated * 65536)[:65536]) -> None:
            file_name_given(field[:size])

        assert takes_linear_time(take, 65536), repeated


fragments = st.sampled_from(
    ["attachment", "inline", ";", "; ", "=", "filename", "FileName", "filename*", "*0", '"', "\\",
     "/", ".", "..", "'", "''", "UTF-8''", "iso-8859-1'en'", "us-ascii''", "%", "%2f", "%5C", "%41",
     "%c3%a4", "%E4", "\xc3\xa4", "\xe4", "\x85", "a.txt", " ", "\t", ",", "\0", "\n", "\ud800"]
)  # fmt: skip
fields = st.one_of(
    st.text(),
    st.lists(fragments, max_size=12).map("".join),
    st.lists(fragments, max_size=12).map("".join).map("attachment; filename={}".format),
    st.lists(fragments, max_size=12).map("".join).map("attachment; filename*=UTF-8''{}".format),
)


@given(fields)
@example("attachment; filename*=UTF-8''%")
@example('attachment; filename="\\')
def test_no_field_is_an_error_and_a_name_is_one_segment(field: str) -> None:
    name = file_name_given(field)
    assert name is None or not set(name) & {"/", "\\"}
    assert name is None or name.strip() not in {"", ".", ".."}


def names(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1).filter(lambda name: name.strip() not in {"", ".", ".."})


@given(names(st.characters(max_codepoint=0x7F, exclude_characters="/\\")))
def test_any_ascii_name_is_read_from_a_quoted_string(name: str) -> None:
    quoted = name.replace('"', '\\"')
    escaped = "".join(f"\\{character}" for character in name)
    for value in (quoted, escaped):
        assert file_name_given(f'attachment; a="b"; filename="{value}"; c=d') == name


@given(names(st.characters(exclude_categories=["Cs"], exclude_characters="/\\")))
def test_any_name_is_read_from_the_bytes_of_utf_8(name: str) -> None:
    field = 'attachment; filename="{}"'.format(name.replace('"', '\\"'))
    assert file_name_given(field.encode().decode("latin-1")) == name


@given(st.text(st.characters(max_codepoint=0xFF, exclude_characters='/\\"')))
def test_bytes_that_are_no_utf_8_are_latin_1(text: str) -> None:
    name = f"{text}ÿ"  # UTF-8 has no such byte
    assert file_name_given(f'attachment; filename="{name}"') == name


@given(
    names(st.characters(exclude_categories=["Cs"], exclude_characters="/\\")),
    st.sampled_from(["", "en", "de-CH"]),
)
def test_any_name_is_read_from_an_extended_value(name: str, language: str) -> None:
    extended = f"filename*=UTF-8'{language}'{quote(name, safe='')}"
    assert file_name_given(f"attachment; filename=other; {extended}") == name
