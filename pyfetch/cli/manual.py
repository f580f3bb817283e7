"""What `-h`, `--help` and the man page say, and the first two as text for a terminal.

Loaded only when somebody asks.
"""

from __future__ import annotations

import shutil
import sysconfig
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click

_WIDEST = 100
_SCREEN = 80
"""Columns that `-h` is made for."""
_NARROW = 60
"""Columns below which a text stands under what it explains, not beside it."""
_WIDEST_TERM = 24

USE = "pyfetch [OPTIONS] [SOURCE]..."
NAME = "fetch many URLs at once, whole and in order"
DESCRIPTION = (
    "Fetch many URLs at once. Show what became of each, in the order of the list.",
    "A SOURCE is a file with one URL on each line, `-` for standard input, or a URL. Without one,"
    " standard input is read. A file gets its name only when it is complete. Run the same command"
    " again to finish what was interrupted or has failed.",
)
SOURCE = "SOURCE: a file with a URL on each line, a URL, or - (standard input)"
UNITS = (
    "TIME is in seconds or has a unit: `10`, `500ms`, `30s`, `5m`, `1h30m`. SIZE is in bytes or has"
    " a unit: `300`, `10M`, `1.5GiB`; `K` and `KiB` are 1024 bytes, `KB` is 1000. SPEED is a SIZE"
    " in a second: `2MB/s`. RATE is a number in a TIME: `5/s`, `100/min`, `1/10s`."
)
FIFTEEN = (
    *("-o", "-O", "--if-exists", "--name", "-H", "-u", "-w", "--rate", "--limit-rate"),
    *("--retries", "--plan", "--failed-to", "--format", "-q", "-v"),
)
"""The options that `-h` shows: those that people need most."""
EXAMPLES = (
    ("pyfetch -o data urls.txt", "save a list below data/"),
    ("pyfetch -O page.html 'https://host/a?id=7'", "save one URL as page.html"),
    ("pyfetch -w 32 --rate 5/s urls.txt", "fetch 32 at once, 5/s a host"),
    ("pyfetch --name '{host}/{dir}/{name}' urls.txt", "keep the site's directories"),
    ("pyfetch --failed-to failed.txt urls.txt", "write a list of what failed"),
)
ENVIRONMENT = (
    ("PYFETCH_OPTION", "Any option: `PYFETCH_WORKERS=16`, `PYFETCH_DISCARD=1`."),
    (
        "http_proxy, https_proxy, all_proxy, no_proxy",
        "Proxies, and the hosts that are reached without one.",
    ),
    ("XDG_CONFIG_HOME", "Where `pyfetch/config.toml` is, in place of `~/.config`."),
    ("NETRC", "The file of users and passwords, in place of `~/.netrc`."),
    ("REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE", "The authorities to trust, as `--cacert`."),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "The authorities to trust, as with OpenSSL."),
    ("NO_COLOR", "If set, no colours are used."),
)
FILES = (
    ("~/.config/pyfetch/config.toml", "The configuration: defaults, profiles, settings of hosts."),
    ("DIR/.pyfetch/", "What pyfetch knows of the files in DIR: state, lock, unfinished parts."),
    ("~/.netrc", "Users and passwords of hosts."),
)
"""What the man page alone has."""
EXIT_STATUSES = (
    ("0", "Every URL succeeded, or no more failed than `--allow-failures` permits."),
    ("1", "Some failed."),
    ("2", "The command or the list could not be used."),
    ("3", "The run had to stop: the disk is full, the directory is in use or cannot be written."),
    ("130, 143, 129", "Interrupted by Ctrl-C, SIGTERM or SIGHUP."),
    ("141", "The reader of standard output has gone."),
)
ALIASES = "Known from curl, wget and aria2, these work too"
LISTED = (
    "-j/--jobs (-w), -i (a list), -A/--user-agent, -k (--insecure), -x (--proxy), -m (--max-time),"
    " -s/--silent (-q), --retry, --tries, --wait, --dry-run (--plan), --json (--format jsonl),"
    " -nc/--no-clobber (--if-exists skip), -b/--load-cookies (--cookies)"
)
"""The best known of the words of other tools, as `--help` lists them."""


class OptionText(NamedTuple):
    """What there is to say of an option."""

    group: str
    flags: tuple[str, ...]
    """As they are typed; the last one with what stands for its value."""
    default: str
    text: str
    """Sentences; backticks enclose what is typed as it stands."""

    @property
    def text_and_default(self) -> str:
        """The text, and the default where there is one to speak of."""
        has_default = self.default not in ("", "off", "none")
        return self.text + f" Default: {self.default}" * has_default

    @property
    def first_sentence(self) -> str:
        """What fits on a line."""
        return self.text.partition(". ")[0].removesuffix(".") + "."


def option_texts(options: Iterable[click.Parameter]) -> list[OptionText]:
    """The texts of all options, in the order of `--help`."""
    return [_text_of(option) for option in options if isinstance(option, click.Option)]


def _text_of(option: click.Option) -> OptionText:
    flags = sorted(option.opts, key=len)
    if option.secondary_opts:
        flags[-1] += f" / {option.secondary_opts[0]}"
    if option.metavar and not (option.is_flag or option.count):
        flags[-1] += f" {option.metavar}"
    group = str(getattr(option, "group", ""))
    return OptionText(group, tuple(flags), _default(option), getattr(option, "markdown", ""))


def _default(option: click.Option) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    if not option.expose_value:
        return ""
    # Not what a variable says: that would be another default on each machine.
    default = option.default
    if option.is_flag or option.count:
        return "on" if default is True else "off"
    if isinstance(default, bool):
        return f"`{'yes' if default else 'no'}`"
    if isinstance(default, str):
        return f"`{default}`"
    if isinstance(default, int | float):
        return f"{default:g}" + "s" * (option.metavar == "TIME" and default > 0)
    return "none"


def readme() -> str:
    """A link to the README that came with this installation; empty if there is none."""
    clone = Path(__file__).parents[2]
    if not (clone / "man" / "pyfetch.1").is_file():  # it is where packages are installed
        clone = Path(sysconfig.get_path("data"), "share/doc/pyfetch")
    place = clone / "README.md"
    return place.as_uri() if place.is_file() else ""


def one_screen(options: Iterable[click.Parameter]) -> str:
    """The use, the options that people need most, and examples: 23 lines of 80 columns.

    On a narrower terminal the lines are shorter, and more.
    """
    texts = {flag.split()[0]: text for text in option_texts(options) for flag in text.flags}
    rows = [
        (", ".join(texts[flag].flags), texts[flag].first_sentence.replace("`", ""))
        for flag in FIFTEEN
    ]
    width = shutil.get_terminal_size().columns
    if width < _SCREEN:
        use = [f"Usage: {USE}", _filled(SOURCE, width)]
        sections = [_section("Options", rows, width), _section("Examples", EXAMPLES, width)]
        return "\n".join([*use, *sections, "All options: pyfetch --help"])
    lines = [f"Usage: {USE}   (all options: pyfetch --help)", SOURCE]
    lines += [f"  {flags:<{_WIDEST_TERM + 1}} {text}" for flags, text in rows]
    longest = max(len(command) for command, _ in EXAMPLES)
    lines += ["", *(f"  {command:<{longest}}  {what}" for command, what in EXAMPLES)]
    return "\n".join(lines)


def everything(options: Iterable[click.Parameter]) -> str:
    """All options in their groups, examples, variables and exit statuses, for this terminal."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    blocks = [f"Usage: {USE}"]
    blocks += [_filled(paragraph, width) for paragraph in DESCRIPTION]
    groups: dict[str, list[OptionText]] = {}
    for text in option_texts(options):
        groups.setdefault(text.group, []).append(text)
    for name, texts in groups.items():
        blocks.append(
            _section(name, [(", ".join(one.flags), one.text_and_default) for one in texts], width)
        )
    blocks.append(_filled(UNITS, width))
    blocks.append(_filled(f"{ALIASES}: {LISTED}.", width))
    blocks.append(_section("Examples", EXAMPLES, width))
    blocks.append(_section("Environment", ENVIRONMENT, width))
    blocks.append(_section("Exit status", EXIT_STATUSES, width))
    link = readme()
    blocks.append(f"More: man pyfetch{f', {link}' if link else ''}")
    return "\n\n".join(blocks)


def _section(name: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    rows = list(rows)
    indent = min(max(len(term) for term, _ in rows), _WIDEST_TERM) + 4
    if width < _NARROW:
        indent = 6
    return "\n".join([f"{name}:", *(_row(term, text, indent, width) for term, text in rows)])


def _row(term: str, text: str, indent: int, width: int) -> str:
    lines = textwrap.wrap(
        text.replace("`", ""), width - 1 - indent, break_long_words=False, break_on_hyphens=False
    )
    if len(term) + 4 > indent:
        return "\n".join([f"  {term}", *(f"{' ' * indent}{line}" for line in lines)])
    first, *rest = lines
    return "\n".join([f"  {term:<{indent - 2}}{first}", *(f"{' ' * indent}{one}" for one in rest)])


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text.replace("`", ""), width - 1, break_on_hyphens=False)
