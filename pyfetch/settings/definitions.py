"""The settings of a run: a frozen, picklable value.

Each setting says once, where it stands, all that there is to say of it: its type, default,
bounds, the flags and the help of its option. The command line, `--help`, the table in
docs/options.md and the checks are made from that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from typing import Any, Literal, TypeVar, dataclass_transform

from pyfetch.errors import UsageError
from pyfetch.models import IfExists
from pyfetch.settings.given_cookies import COOKIES, GivenCookies
from pyfetch.settings.host_settings import (
    HOSTS,
    HostSettings,
    HostTable,
    matching,
    stricter,
    together,
)
from pyfetch.settings.kinds import (
    AUTO,
    CLUSTER,
    DIRECTORY,
    ENCRYPTED,
    FILE,
    FLAG,
    FUNCTION,
    MOST_CPUS,
    MOST_PROCESSES,
    MOST_WORKERS,
    RATE,
    SECONDS,
    SECONDS_ABOVE_ZERO,
    SIZE,
    SIZE_ABOVE_ZERO,
    SPEED,
    SPEED_ABOVE_ZERO,
    TEXT,
    TRANSFERS,
    TRIES,
    YES_OR_NO,
    Choice,
    count,
    count_or_auto,
)
from pyfetch.settings.request_kinds import (
    HEADERS,
    MEDIA_TYPES,
    PARAMETER_NAMES,
    PROXY_URL,
    STATUSES,
    USER_AND_PASSWORD,
)
from pyfetch.settings.setting import Group, Setting
from pyfetch.settings.store_kinds import BUCKET_PREFIXES, DESTINATION, STORE_OPTIONS, is_bucket

_T = TypeVar("_T")


class InputFormat(StrEnum):
    """Format of a list."""

    AUTO = "auto"
    """Detect it by content and name."""
    LINES = "lines"
    ARIA2 = "aria2"
    CSV = "csv"
    TSV = "tsv"
    JSONL = "jsonl"
    JSON = "json"
    CHECKSUMS = "checksums"
    SITEMAP = "sitemap"
    METALINK = "metalink"


class Engine(StrEnum):
    """What makes the transfers."""

    THREADS = "threads"
    """A thread for each, over `requests`."""
    CURL = "curl"
    """One thread for all, over libcurl."""


class HttpVersion(StrEnum):
    """The versions of HTTP that may be spoken."""

    AUTO = "auto"
    ONE = "1.1"
    TWO = "2"
    THREE = "3"


class Pack(StrEnum):
    """What a run puts files into, many into one."""

    WEBDATASET = "webdataset"
    """Tar files, as the webdataset package reads them."""
    WARC = "warc"
    """Web archives (ISO 28500)."""


class PackOrder(StrEnum):
    """In which order the members of a pack stand."""

    ARRIVAL = "arrival"
    INPUT = "input"
    """That of the list."""


_files = partial(Setting.field, Group.FILES)
_checks = partial(Setting.field, Group.CHECKS)
_requests = partial(Setting.field, Group.REQUESTS)
_servers = partial(Setting.field, Group.SERVERS)
_transfers = partial(Setting.field, Group.TRANSFERS)
_failures = partial(Setting.field, Group.FAILURES)
_computing = partial(Setting.field, Group.COMPUTING)
OF_COMPUTING = (
    "cpus", "ahead", "keep", "exec_timeout", "exec_retries", "exec_version", "max_tasks",
)  # fmt: skip
"""Settings that say how each file is computed with."""
OF_A_BUCKET = ("state_dir",)
"""Settings that say how a run saves to a bucket, if it does."""
OF_PACKS = ("pack_size", "pack_count", "pack_order", "pack_list")
"""Settings that say how files are packed, if they are."""
OF_A_CLUSTER = ("cluster_tls", "cluster_upload")
"""Settings that say how a run works with a cluster, if it does."""


class ContradictionError(UsageError):
    """Settings exclude each other. `message` has the name of each setting in braces."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.with_names({})

    def with_names(self, other: Mapping[str, str]) -> str:
        """The message; settings that have an `other` name here are called by that."""
        return self.message.format_map({name: other.get(name, name) for name in SETTINGS})

    def in_options(self) -> str:
        """The same message with the options of the command line."""
        flags = {name: one.flags[-1] for name, one in SETTINGS.items() if one.flags}
        return self.message.format_map(flags)


# What a dataclass generates to set and compare so many fields would be compiled at each start.


@dataclass_transform(kw_only_default=True, frozen_default=True)
def _dataclass_of_many_fields(made: type[_T]) -> type[_T]:
    return dataclass(frozen=True, slots=True, init=False, repr=False, eq=False)(made)


class _Values:
    __slots__ = ()

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - SETTINGS.keys()
        if unknown:
            raise TypeError(f"there is no setting {', '.join(sorted(unknown))}")
        for name, setting in SETTINGS.items():
            object.__setattr__(self, name, values.get(name, setting.default))
        self.__post_init__()

    def __post_init__(self) -> None:
        pass


@_dataclass_of_many_fields
class Settings(_Values):
    """Everything that a run can be told. Raises `UsageError` for a value that makes no sense."""

    # The first sentence of each help is what `-h` shows: it has to fit beside the flags.

    output_dir: str = _files(
        ".",
        DESTINATION,
        "-o, --output-dir",
        "Save files in this directory or bucket. A directory is made if missing. A bucket is"
        " written `s3://BUCKET/PREFIX`, `gs://BUCKET` or `az://BUCKET`; it needs"
        " `pyfetch-batch[cloud]`.",
    )
    if_exists: IfExists = _files(
        IfExists.REFRESH,
        Choice(IfExists),
        "--if-exists",
        "What to do when a file is there. `refresh`: ask the server whether it has changed."
        " `skip`: leave it and ask nobody. `replace`: fetch it again, without a backup."
        " `rename`: keep both. `fail`: the URL fails.",
        "ACTION",
    )
    name: str = _files(
        "{name}",
        TEXT,
        "--name",
        "Name files by this template. Its fields are `{index} {scheme} {host} {dir} {name} {stem}"
        " {ext} {query} {hash}`, `{type_ext}` (by media type) and `{input.COLUMN}` (of the list).",
        "TEMPLATE",
    )
    content_disposition: bool = _files(
        False,
        FLAG,
        "--content-disposition",
        "Use the name that the server gives, if it gives one.",
    )
    discard: bool = _files(
        False, FLAG, "--discard", "Save no file. Each body is downloaded and its bytes are counted."
    )
    ignore_query: tuple[str, ...] = _files(
        (),
        PARAMETER_NAMES,
        "--ignore-query",
        "Take URLs that differ in this query parameter alone for the same file (`token`, `utm_*`)."
        " What signs URLs of S3, Google, CloudFront and Azure is ignored anyway. May be repeated.",
    )
    state: bool = _files(
        True,
        FLAG,
        "--no-state",
        "Remember nothing for the next run. Files are then compared by modification time alone.",
    )
    fsync: bool = _files(
        False,
        FLAG,
        "--fsync",
        "Write each file through to the disk before its result is shown. Files then survive a"
        " loss of power.",
    )
    min_free: int = _files(
        0, SIZE, "--min-free", "Stop the run when less than this is free on the disk."
    )
    wait_lock: float = _files(
        0.0,
        SECONDS,
        "--wait-lock",
        "Wait up to this long for another run in the same directory.",
    )
    store_option: tuple[tuple[str, str], ...] = _files(
        (),
        STORE_OPTIONS,
        "--store-option",
        "Set an option of the bucket: `endpoint=URL`, `region=NAME`. May be repeated.",
    )
    state_dir: str | None = _files(
        None,
        DIRECTORY,
        "--state-dir",
        "Keep the state of a run into a bucket below here. Lock and parts, too. The default is"
        " `~/.local/state/pyfetch`, with a directory for each bucket and prefix.",
    )
    allow_store: tuple[str, ...] = _files(
        (),
        BUCKET_PREFIXES,
        "--allow-store",
        "Let lists name objects of a bucket below this address. They are fetched with your"
        " credentials: a list from a stranger should not decide about that. May be repeated.",
    )
    pack: Pack | None = _files(
        None,
        Choice(Pack),
        "--pack",
        "Save many files in each of a few: `webdataset`: in tar files, for training; `warc`: in web"
        " archives, with all that was sent; it needs `pyfetch-batch[warc]`.",
    )
    pack_size: int = _files(
        1024**3,
        SIZE_ABOVE_ZERO,
        "--pack-size",
        "Begin another pack when this one would get larger. The default is 1 GiB.",
    )
    pack_count: int | None = _files(
        None,
        count(1, 1_000_000_000),
        "--pack-count",
        "Begin another pack when this one has so many members.",
    )
    pack_order: PackOrder = _files(
        PackOrder.ARRIVAL,
        Choice(PackOrder),
        "--pack-order",
        "Order of the members in each pack: as they come, or as the list has them. Nothing waits"
        " for `input`: a full pack is sorted.",
    )
    pack_list: str | None = _files(
        None,
        FILE,
        "--pack-list",
        "Write a table of all URLs with pack, member, offset, size and sha256: TSV, or JSON Lines"
        " in a `.jsonl` file.",
    )
    max_size: int | None = _checks(None, SIZE, "--max-size", "Refuse larger files.")
    min_size: int = _checks(0, SIZE, "--min-size", "Refuse smaller files.")
    expect_type: tuple[str, ...] = _checks(
        (),
        MEDIA_TYPES,
        "--expect-type",
        "Refuse files of other media types (`image/*`). May be repeated.",
    )
    hash: bool = _checks(
        True,
        FLAG,
        "--no-hash",
        "Compute no sha256, except of files whose checksum is demanded. `--verify` then compares"
        " sizes and times alone.",
    )

    headers: tuple[tuple[str, str], ...] = _requests(
        (),
        HEADERS,
        "-H, --header",
        "Send this header (`'Accept: text/css'`). `@FILE` sends those in a file, one on each line,"
        " which `ps` then does not show. May be repeated.",
    )
    compressed: bool = _requests(
        False,
        FLAG,
        "--compressed",
        "Ask for compressed bodies, and save what they decode to. `br` and `zstd` need"
        " `pyfetch-batch[compression]`; gzip and deflate need nothing.",
    )
    user: str | None = _requests(
        None,
        USER_AND_PASSWORD,
        "-u, --user",
        "Log in to the host of the first URL. `-u NAME` asks for the password, which `ps` then"
        " does not show. Other hosts: the configuration, or a netrc file.",
    )
    cookies: str | GivenCookies | None = _requests(
        None, COOKIES, "--cookies", "Send the cookies of this file (Netscape's format)."
    )
    netrc_file: str | None = _requests(
        None,
        FILE,
        "--netrc-file",
        "Read users and passwords from this file, not from `$NETRC` or `~/.netrc`.",
    )
    netrc: bool = _requests(True, FLAG, "--no-netrc", "Read no users and passwords from a file.")
    proxy: str | None = _servers(
        None,
        PROXY_URL,
        "--proxy",
        "Connect through this proxy. Hosts in `no_proxy` are reached without it. By default, the"
        " environment names the proxy.",
    )
    cacert: str | None = _servers(
        None,
        FILE,
        "--cacert",
        "Trust the authorities in this file or directory, and not those of the system.",
    )
    cert: str | None = _servers(
        None, FILE, "--cert", "Show this certificate (PEM) to servers that ask for one."
    )
    key: str | None = _servers(
        None, FILE, "--key", "The certificate's key, if it is not in the same file."
    )
    insecure: bool = _servers(
        False, FLAG, "--insecure", "Do not verify certificates. Anybody may then answer."
    )
    max_redirects: int = _servers(
        10, count(0, 1000), "--max-redirects", "Follow at most this many redirects of a URL."
    )
    no_downgrade: bool = _servers(
        False, FLAG, "--no-downgrade", "Follow no redirect from https to http."
    )
    public_only: bool = _servers(
        False,
        FLAG,
        "--public-only",
        "Connect to public addresses only. For lists from strangers.",
    )

    ipv4: bool = _servers(False, FLAG, "-4, --ipv4", "Connect to IPv4 addresses only.")
    ipv6: bool = _servers(False, FLAG, "-6, --ipv6", "Connect to IPv6 addresses only.")

    workers: int | Literal["auto"] = _transfers(
        8,
        count_or_auto(1, MOST_WORKERS),
        "-w, --workers",
        "Run this many transfers at once. `auto` measures which number is best.",
    )
    engine: Engine = _transfers(
        Engine.THREADS,
        Choice(Engine),
        "--engine",
        "What fetches: threads, or libcurl, which speaks HTTP/2 and 3 as well. `curl` needs an"
        " extra: `pip install 'pyfetch-batch[curl]'`.",
        "ENGINE",
    )
    http: HttpVersion = _transfers(
        HttpVersion.AUTO,
        Choice(HttpVersion),
        "--http",
        "Speak this version of HTTP. `auto`: with `--engine curl` 2 where a server offers it over"
        " TLS, else 1.1. `2` and `3` fall back to older ones.",
        "VERSION",
    )
    connections_per_host: int | None = _transfers(
        None,
        TRANSFERS,
        "--connections-per-host",
        "Open at most this many connections to one host. HTTP/2 sends many requests over each;"
        " needs `--engine curl`.",
    )
    processes: int | Literal["auto"] = _transfers(
        1,
        count_or_auto(1, MOST_PROCESSES),
        "--processes",
        "Share the workers among this many processes, which helps with many small files. `auto`:"
        " one for each CPU.",
    )
    cluster: Any = _transfers(
        None,
        CLUSTER,
        "--cluster",
        "Fetch on the Dask cluster with this scheduler (`tcp://HOST:PORT` or `tls://HOST:PORT`), or"
        " on one of N workers that the run starts here (`local:N`). Each thread of a worker makes"
        " `--workers` transfers at once.",
    )
    cluster_file: str | None = _transfers(
        None, FILE, "--cluster-file", "Fetch on the Dask cluster whose scheduler wrote this file."
    )
    cluster_tls: str | None = _transfers(
        None,
        FILE,
        "--cluster-tls",
        "Talk to the cluster with these certificates: a directory with `ca.pem`, `cert.pem` and"
        " `key.pem`, or one file that has all three. Without it, Dask's own configuration says"
        " which.",
    )
    cluster_upload: bool = _transfers(
        False,
        FLAG,
        "--cluster-upload",
        "Send this version of pyfetch to workers of the cluster that do not have it. What it needs"
        " has to be there.",
    )
    max_workers: int = _transfers(
        128, count(1, MOST_WORKERS), "--max-workers", "The most workers that `auto` may use."
    )
    per_host: int | None = _transfers(
        None,
        TRANSFERS,
        "--per-host",
        "Run at most this many transfers to one host.",
    )
    rate: float | None = _transfers(
        None,
        RATE,
        "--rate",
        "Send at most this many requests to one host (`5/s`). Other hosts do not wait for it.",
    )
    rate_total: bool = _transfers(
        False, FLAG, "--rate-total", "Apply `--rate` to all hosts together."
    )
    limit_rate: int | None = _transfers(
        None,
        SPEED_ABOVE_ZERO,
        "--limit-rate",
        "Limit the speed of all transfers together (`2MB/s`).",
    )
    timeout: float = _failures(
        30.0, SECONDS_ABOVE_ZERO, "--timeout", "Give up a try after this long without any data."
    )
    connect_timeout: float = _failures(
        10.0,
        SECONDS_ABOVE_ZERO,
        "--connect-timeout",
        "Give up a try after this long without a connection.",
    )
    min_speed: int = _failures(
        10,
        SPEED,
        "--min-speed",
        "Give up a try that is slower than this for a minute. 0: never.",
    )
    max_time: float | None = _failures(
        None,
        SECONDS_ABOVE_ZERO,
        "--max-time",
        "Give up a URL after this long, all tries and waits together.",
    )
    retries: int = _failures(
        3, TRIES, "--retries", "Try again this often after a failure that may pass."
    )
    retry_status: tuple[int, ...] = _failures(
        (),
        STATUSES,
        "--retry-status",
        "Also try again after these statuses (`+418`), or do not (`-500`). Commas separate"
        " several.",
    )
    retry_wait: float = _failures(
        1.0,
        SECONDS,
        "--retry-wait",
        "Wait at most this long before the second try. The bound doubles with each further one,"
        " up to a minute.",
    )
    max_wait: float = _failures(
        600.0,
        SECONDS,
        "--max-wait",
        "Give up a host that asks for a longer wait than this.",
    )
    fail_fast: bool = _failures(
        False, FLAG, "--fail-fast", "Stop the run when a URL has failed for good."
    )

    cpu_pin: bool = _transfers(
        True,
        FLAG,
        "--cpu-pin/--no-cpu-pin",
        "Keep the threads on one CPU, except for work that gains from several.",
    )

    exec: str | None = _computing(
        None,
        TEXT,
        "--exec",
        "Run this command for each file. Its words are split as a shell does, but no shell runs it."
        " Fields in it are `{path} {name} {dir} {stem} {ext} {url} {index} {sha256}` and"
        " `{input.COLUMN}` (of the list).",
        "COMMAND",
    )
    map: str | Callable[..., Any] | None = _computing(
        None,
        FUNCTION,
        "--map",
        "Call this Python function for each file: `MODULE:FUNCTION` or `FILE.py:FUNCTION`. It is"
        " called as `function(path, result)` in another process, and what it returns is the"
        " result's `value`.",
    )
    cpus: int | Literal["auto"] = _computing(
        AUTO,
        count_or_auto(1, MOST_CPUS),
        "--cpus",
        "Work on this many files at once with `--exec` or `--map`; on a cluster, in each process."
        " `auto`: one for each CPU, fewer where fetching needs one or memory gets short.",
    )
    ahead: int | None = _computing(
        None,
        count(1, 1_000_000),
        "--ahead",
        "Let at most this many files wait for `--exec` or `--map`; fetching waits then. By default,"
        " four for each CPU, up to 32 where they are quick.",
    )
    keep: bool = _computing(
        True,
        YES_OR_NO,
        "--keep",
        "Whether to keep a file once `--exec` or `--map` is done with it. With `no`, a rerun still"
        " knows the values, and fetches what has changed.",
    )
    exec_timeout: float | None = _computing(
        None,
        SECONDS_ABOVE_ZERO,
        "--exec-timeout",
        "End a command or function that takes longer. The URL fails; the file stays.",
    )
    exec_retries: int = _computing(
        0,
        TRIES,
        "--exec-retries",
        "Run a command or function again this often after it has failed.",
    )
    exec_version: str | None = _computing(
        None,
        TEXT,
        "--exec-version",
        "Compute all files again when this text has changed. By default, they are when the command,"
        " or the file of the function's module, has changed.",
    )
    max_tasks: int = _computing(
        1000,
        count(1, 1_000_000_000),
        "--max-tasks",
        "Replace a function's process after this many files, which frees its memory.",
    )

    hosts: HostTable = _servers(
        (),
        HOSTS,
        "",
        "Settings of single hosts: `{'*.example.org': {'per_host': 2}}`.",
    )

    def of_host(self, origin: str) -> HostSettings:
        """What holds for an origin (`scheme://host:port`): its own settings, else the general ones.

        Of two limits, the stricter one holds. The limit of all transfers together is not in it.
        """
        general = HostSettings(
            per_host=self.per_host,
            rate=None if self.rate_total else self.rate,
            headers=self.headers,
            proxy=self.proxy,
            cacert=self.cacert,
            timeout=self.timeout,
            retries=self.retries,
        )
        if not self.hosts:
            return general
        own = together(said for _, said in matching(self.hosts, origin))
        return own.over(general).replaced(
            per_host=stricter(own.per_host, general.per_host),
            rate=stricter(own.rate, general.rate),
        )

    @property
    def most_workers(self) -> int:
        """The most transfers that there will be at once."""
        return self.max_workers if self.workers == AUTO else self.workers

    @property
    def names_files(self) -> bool:
        """Whether files are named that all fetching needs: a certificate, cookies and so on."""
        cookies = isinstance(self.cookies, str)
        named = (cookies, self.netrc_file, self.cacert, self.cert, self.key)
        of_hosts = (said.cacert for _, said in self.hosts)
        return any(named) or any(of_hosts) or bool(bundle_of_the_environment())

    @property
    def is_secret_of_first_origin(self) -> bool:
        """Whether user and password, or cookies, are meant for the origin of the first URL."""
        cookies = self.cookies
        return self.user is not None or bool(
            isinstance(cookies, GivenCookies) and cookies.of_first_origin
        )

    @property
    def in_bucket(self) -> bool:
        """Whether files go into a bucket."""
        return is_bucket(self.output_dir)

    @property
    def archives(self) -> bool:
        """Whether requests and responses are kept as they were sent."""
        return self.pack is Pack.WARC

    @property
    def http_spoken(self) -> HttpVersion:
        """The versions of HTTP that may be spoken: archives hold messages of HTTP/1.1."""
        return HttpVersion.ONE if self.archives else self.http

    @property
    def has_template(self) -> bool:
        """Whether files are named by a template, and not as their URLs are."""
        return self.name != SETTINGS["name"].default

    @property
    def names_by_type(self) -> bool:
        """Whether the media type of an answer may decide the name of its file."""
        return "{type_ext}" in self.name

    @property
    def computes(self) -> bool:
        """Whether something is done with each file once it is there."""
        return self.exec is not None or self.map is not None

    @property
    def on_cluster(self) -> bool:
        """Whether members on a Dask cluster fetch."""
        return self.cluster is not None or self.cluster_file is not None

    @property
    def may_encrypt(self) -> bool:
        """Whether there is a scheduler with which certificates of `cluster_tls` may be used."""
        address = self.cluster
        by_address = isinstance(address, str) and address.startswith(ENCRYPTED)
        return by_address or self.cluster_file is not None

    @property
    def process_number(self) -> int:
        """How many processes there may be."""
        if self.processes != AUTO:
            return self.processes
        from pyfetch.cpu_share import cpu_share  # few runs ask

        return cpu_share().number

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            if value is setting.default:
                continue
            try:
                checked = setting.kind.check(value)
            except UsageError:
                raise
            except ValueError as error:
                raise UsageError(f"{name} {error}") from None
            object.__setattr__(self, name, checked)
        for message, holds in self._contradictions():
            if holds:
                raise ContradictionError(message)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in SETTINGS)

    def __repr__(self) -> str:
        """What differs from the defaults, with a mask for each secret."""
        told = (
            f"{name}={setting.kind.masked(getattr(self, name))}"
            for name, setting in SETTINGS.items()
            if getattr(self, name) != setting.default
        )
        return f"{type(self).__name__}({', '.join(told)})"

    def _contradictions(self) -> Iterator[tuple[str, object]]:
        yield (
            "{rate_total} says whose rate it is: it needs {rate}",
            self.rate_total and self.rate is None,
        )
        yield (
            "{min_size} is more than {max_size}",
            self.max_size is not None and self.min_size > self.max_size,
        )
        yield "{key} belongs to a certificate: it needs {cert}", self.key and not self.cert
        yield "{netrc_file} and {netrc} exclude each other", self.netrc_file and not self.netrc
        yield (
            "{insecure} trusts everybody: then {cacert} means nothing",
            self.insecure and self.cacert,
        )
        yield "{ipv4} and {ipv6} exclude each other", self.ipv4 and self.ipv6
        yield (
            "{public_only} cannot see where a proxy connects to: leave {proxy} out",
            self.proxy and self.public_only,
        )
        yield (
            "threads speak HTTP/1.1 alone: {http} 2 and 3 need {engine} curl",
            self.engine is Engine.THREADS and self.http in (HttpVersion.TWO, HttpVersion.THREE),
        )
        yield (
            "threads have a connection for each transfer: {connections_per_host} needs {engine}"
            " curl ({per_host} limits transfers)",
            self.engine is Engine.THREADS and self.connections_per_host is not None,
        )
        yield (
            "{cluster} and {cluster_file} exclude each other",
            self.cluster is not None and self.cluster_file is not None,
        )
        cluster = "{cluster}" if self.cluster is not None else "{cluster_file}"
        yield (
            f"{cluster} says where the processes are: leave {{processes}} out",
            self.on_cluster and self.processes != 1,
        )
        yield (
            "{allow_store} spends credentials, and {public_only} is for lists of strangers: leave"
            " one of them out",
            self.allow_store and self.public_only,
        )
        for name in OF_A_BUCKET:
            yield (
                f"{{{name}}} is for a bucket: it needs {{output_dir}} s3://…, gs://… or az://…",
                getattr(self, name) and not self.in_bucket,
            )
        yield from self._contradictions_of_packs()
        for name in OF_A_CLUSTER:
            yield (
                f"{{{name}}} is for a Dask cluster: it needs {{cluster}} or {{cluster_file}}",
                getattr(self, name) and not self.on_cluster,
            )
        yield (
            "{cluster_tls} needs a scheduler that encrypts: {cluster} tls://HOST:PORT",
            self.cluster_tls is not None and not self.may_encrypt,
        )
        if self.computes:
            yield from self._contradictions_of_computing()
            return
        for name in OF_COMPUTING:
            yield (
                f"{{{name}}} is for computing with the files: it needs {{exec}} or {{map}}",
                getattr(self, name) != SETTINGS[name].default,
            )

    def _contradictions_of_packs(self) -> Iterator[tuple[str, object]]:
        if self.pack is None:
            for name in OF_PACKS:
                yield (
                    f"{{{name}}} is for packs: it needs {{pack}}",
                    getattr(self, name) != SETTINGS[name].default,
                )
            return
        yield "{discard} saves nothing that could be packed: leave out {pack}", self.discard
        yield (
            "{pack} knows by the state which packs have which URLs: leave {state} out",
            not self.state,
        )
        yield (
            "{if_exists} rename is for files: of two members, the newer one counts",
            self.if_exists is IfExists.RENAME,
        )
        yield (
            "{pack} warc keeps bodies as they come: leave {compressed} out",
            self.archives and self.compressed,
        )
        yield (
            "{pack} warc keeps answers in the order in which they came: leave {pack_order} out",
            self.archives and self.pack_order is PackOrder.INPUT,
        )
        yield (
            "{pack} warc keeps messages of HTTP/1.1: leave {http} 2 and 3 out",
            self.archives and self.http in (HttpVersion.TWO, HttpVersion.THREE),
        )
        is_sorted = self.pack_order is PackOrder.INPUT
        yield (
            "web archives have the order of time: {pack_order} input is for {pack} webdataset",
            is_sorted and self.pack is Pack.WARC,
        )
        task = "{map}" if self.exec is None else "{exec}"
        yield (
            f"{{pack_order}} input moves members while {task} may read them: leave one of them out",
            is_sorted and self.computes,
        )
        yield (
            "{keep} no is for files: what is in a pack stays, and a task gets a copy",
            not self.keep,
        )

    def _contradictions_of_computing(self) -> Iterator[tuple[str, object]]:
        task = "{map}" if self.exec is None else "{exec}"
        yield "{exec} and {map} exclude each other", self.exec is not None and self.map is not None
        yield (
            f"{task} knows a file by its sha256: leave {{hash}} out",
            not self.hash,
        )
        yield (
            f"{{discard}} keeps no file that {task} could read: leave it out ({{keep}} no removes"
            " each file once that is done)",
            self.discard,
        )
        yield (
            "{keep} no is for files: what is in a bucket stays, and a task gets a copy",
            not self.keep and self.in_bucket,
        )
        yield (
            "{keep} no leaves nothing but what the state remembers: leave {state} out",
            not self.keep and not self.state,
        )


SETTINGS = {one.name: Setting.of(one) for one in fields(Settings)}
"""What is known of each setting, by its name, in the order of `--help`."""


def bundle_of_the_environment() -> str | None:
    """The file of authorities that `requests` and curl are told of by the environment, if any."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
