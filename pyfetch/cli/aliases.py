"""Words of curl, wget, aria2, ripgrep and xargs: what each is called here, or what to do instead.

Loaded when a command line has a word that is no option of pyfetch. In each table, a key has the
words that mean the same; a word that takes a value ends in `=`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pyfetch.urls import is_url

ALIASES = {
    "-j= --jobs= --parallel-max= --max-concurrent-downloads= --transfers=": "--workers VALUE",
    "--max-procs=": "--workers VALUE",
    "--max-connection-per-server= --parallel-max-host=": "--per-host VALUE",
    "--force-sequential": "--workers 1",
    "-i= --input-file= --batch-file= --arg-file= --url= --metalink-file=": "-- VALUE",
    "-B=": "--base VALUE",
    "--directory-prefix= --dir= --out-dir= --outdir= --save-dir=": "--output-dir VALUE",
    "--output-document= --output=": "--out VALUE",
    "-A= --user-agent=": "--header 'User-Agent: VALUE'",
    "--referer=": "--header 'Referer: VALUE'",
    "--oauth2-bearer=": "--header 'Authorization: Bearer VALUE'",
    "--no-cache --http-no-cache": "--header 'Cache-Control: no-cache'",
    "--load-cookies=": "--cookies VALUE",
    "-k --no-check-certificate --no-verify --no-verify-ssl --no-ssl-verify": "--insecure",
    "--ca-certificate= --ca-directory= --capath=": "--cacert VALUE",
    "--certificate=": "--cert VALUE",
    "--private-key=": "--key VALUE",
    "--all-proxy= --https-proxy= --http-proxy=": "--proxy VALUE",
    "--socks5=": "--proxy socks5://VALUE",
    "--socks5-hostname=": "--proxy socks5h://VALUE",
    "--socks4=": "--proxy socks4://VALUE",
    "--socks4a=": "--proxy socks4a://VALUE",
    "--http-accept-gzip": "--compressed",
    "--inet4-only --disable-ipv6": "--ipv4",
    "--inet6-only": "--ipv6",
    "--max-redirs= --max-redirect=": "--max-redirects VALUE",
    "--max-filesize=": "--max-size VALUE",
    "--warc-max-size=": "--pack-size VALUE",
    "--read-timeout=": "--timeout VALUE",
    "--dns-timeout=": "--connect-timeout VALUE",
    "--netrc-path=": "--netrc-file VALUE",
    "-Y= --speed-limit= --lowest-speed-limit=": "--min-speed VALUE",
    "--max-overall-download-limit= --bwlimit=": "--limit-rate VALUE",
    "--wait= --delay=": "--rate 1/VALUE",
    "--retry= --max-retries=": "--retries VALUE",
    "--waitretry= --retry-delay=": "--retry-wait VALUE",
    "--retry-on-http-error=": "--retry-status VALUE",
    "--fail-early --exit-on-error": "--fail-fast",
    "-nc --no-clobber --no-overwrites --skip-existing --ignore-existing": "--if-exists skip",
    "-J --remote-header-name": "--content-disposition",
    "--force-directories": "--name '{host}/{dir}/{name}'",
    "-K= --conf-path=": "--config VALUE",
    "--no-conf --disable": "--no-config",
    "--hash-check-only": "--verify",
    "--delete-after": "--discard",
    "-y": "--yes",
    "--save-session=": "--failed-to VALUE",
    "--dry-run --simulate": "--plan",
    "--log= --append-output=": "--log-file VALUE",
    "--no-progress-meter": "--progress none",
    "--json": "--format jsonl",
    "-s --silent": "--quiet",
    "--server-response --debug --trace-time": "--verbose --verbose",
}
"""What each word becomes: arguments as in a shell, with VALUE for the word's own value, and `--`
before a SOURCE."""

_AUTOMATIC_RESUME = "resuming is automatic: run the same command again"
_REFRESHED = "a file that is there is fetched again only if it has changed"
_ONE_CONNECTION = "each file comes over one connection (--workers N fetches N files at once)"
_ONLY_GET = "pyfetch only sends GET requests"
_NO_LINKS = "pyfetch fetches what the list names, and follows no links in pages"
_HTTP = "pyfetch speaks HTTP/1.1, over connections that it keeps"

DONE_ANYWAY = {
    "-c --continue --resume --always-resume": _AUTOMATIC_RESUME,
    "-C= --continue-at=": _AUTOMATIC_RESUME,
    "-L --location --follow --follow-redirects": "redirects are followed",
    "-f --fail --fail-with-body": "a status of 400 or more is a failure, and nothing is saved",
    "-S --show-error": "failures are shown, also with --quiet (the heads are shown by -vv)",
    "-Z --parallel --parallel-immediate": "transfers run in parallel (--workers says how many)",
    "--keep-order": "results are in the order of the list",
    "-N --timestamping --conditional-get --no-if-modified-since": _REFRESHED,
    "-z= --time-cond= --etag-compare= --etag-save=": _REFRESHED,
    "-R --remote-time": "files get the modification time that the server says",
    "--no-buffer --line-buffered": "each result is shown as soon as its turn has come",
    "-n --netrc --netrc-optional": "the netrc file is read, if there is one",
    "--basic --digest --anyauth --auth-no-challenge": "Basic and Digest are used as servers ask",
    "-g --globoff": "URLs are taken as they are: [1-9] and {a,b} have no meaning",
    "--remote-name --remote-name-all": "each file is named after its URL",
    "-nd --no-directories -nH --no-host-directories": (
        "no directories are made unless --name or the list asks for them"
    ),
    "--create-dirs": "directories are made where they are missing",
    "--retry-connrefused --retry-all-errors": "what may pass is tried again (--retries, 3)",
    "--http1.1 --http2 --http2-prior-knowledge --http3": _HTTP,
    "-1 --tlsv1 --tlsv1.2 --tlsv1.3 --ssl-reqd": "the newest TLS that both sides know is used",
    "--no-cookies --junk-session-cookies": "cookies of servers last for the redirects of one URL",
    "--no-hsts": "nothing is kept of servers that ask for https",
    "--remove-on-error": "a file gets its name only when it is complete",
    "--metalink": "lists in Metalink are recognised",
    "--use-server-timestamps": "files get the modification time that the server says",
    "-nv --no-verbose -# --progress-bar --show-progress --bar --eta": (
        "results go to standard output, bars to the terminal (--quiet shows neither)"
    ),
    "--split= --min-split-size= --file-allocation=": _ONE_CONNECTION,
    "-G --get": _ONLY_GET,
    "-np --no-parent": _NO_LINKS,
}
"""Words that ask for what happens without them: the run goes on, and says so."""

_NO_HEAD = (
    f"{_ONLY_GET}: --plan shows what would be fetched and asks no server, --discard fetches and"
    " keeps nothing"
)
_ONLY_HTTP = "pyfetch fetches http and https only, and is no server"
_WORKERS = "write --workers N (or -w N) for N transfers at once"
_RESULTS = "write --format jsonl: each result has status, size, time, media type and more"
_PROXY_LOGIN = "write them into the proxy's URL: --proxy http://NAME:PASSWORD@HOST:PORT"
_LOGIN = "write -u NAME, which asks for the password, or use a netrc file"
_NO_ROUTES = "pyfetch connects to the addresses that the system finds for a host's name"
_NO_TLS = "pyfetch leaves this to the system's OpenSSL"
_NO_PROXY = "set no_proxy in the environment: no_proxy=HOST,HOST or no_proxy='*'"
_TRIES = "write --retries N for N more tries, or --timeout TIME"
_IF_EXISTS = "write --if-exists replace, or --if-exists rename"
_ARCHIVES = "write --pack warc -o DIR, which writes DIR/DIR-00000.warc.gz and so on"
_EACH_FILE = "write --exec 'COMMAND {path}', which runs for each file, without a shell"

INSTEAD = {
    "--concurrency --concurrent --threads --connections --max-connections --max-concurrent"
    " --num-threads --parallelism --concurrent-fragments": _WORKERS,
    "--spider -I --head --use-head": _NO_HEAD,
    "-P": "wget's -P is -o DIR here, and xargs' -P is -w N",
    "-X --request --method": f"{_ONLY_GET}: leave it out",
    "-d": f"{_ONLY_GET} and sends no data (aria2's -d is -o DIR here)",
    "--data --data-raw --data-binary --data-ascii --data-urlencode --post-data --post-file"
    " --body-data --body-file --form --form-string --upload-file": f"{_ONLY_GET} and sends no data",
    "-F": f"{_ONLY_GET} and sends no data (wget's -F: {_NO_LINKS})",
    "-r": f"{_NO_LINKS} (for curl's -r: it fetches whole files, no ranges)",
    "--range --start-pos": "pyfetch fetches whole files, and by itself the rest of a part",
    "--recursive --mirror -l --level -p --page-requisites --convert-links"
    " --accept --reject --accept-regex --reject-regex --domains --exclude-domains --span-hosts"
    " --force-html": _NO_LINKS,
    "-t": f"wget's -t is --retries, aria2's -t is --timeout here: {_TRIES}",
    "-U": f"wget's -U is -A here; for user and password of a proxy {_PROXY_LOGIN}",
    "--proxy-user --proxy-password --http-proxy-user --http-proxy-passwd"
    " --https-proxy-user --https-proxy-passwd --all-proxy-user --all-proxy-passwd": _PROXY_LOGIN,
    "--http-user --http-password --http-passwd --password --ask-password --use-askpass": _LOGIN,
    "--noproxy --no-proxy": _NO_PROXY,
    "--write-out --dump-header -D --include --save-headers": _RESULTS,
    "--warc-file --warc-header --warc-cdx --warc-dedup --warc-tempdir": _ARCHIVES,
    "--negotiate --ntlm": "pyfetch logs in by Basic and by Digest only",
    "--pass": "pyfetch asks for no passphrase of a key: openssl can write the key without one",
    "--next -:": "options hold for all URLs; a [host] table of the configuration is for some",
    "--url-query": "write the query into the URL",
    "--prefer-family": "write -4 or -6 for one kind of addresses only",
    "--trust-server-names": "files are named after the URLs of the list, or --content-disposition",
    "--ignore-length --ignore-content-length": (
        "a body has to have the length that its server says, or it may be cut off"
    ),
    "--content-on-error": "a status of 400 or more is a failure, and nothing is saved",
    "--enable-rpc --enable-dht --seed-time --torrent-file --select-file": _ONLY_HTTP,
    "--ftp-user --ftp-password": _ONLY_HTTP,
    "--joblog --results": f"{_RESULTS}: pyfetch --format jsonl … > FILE",
    "--halt": "write --fail-fast, or --allow-failures N",
    "--retry-failed --resume-failed": "write --failed-to FILE, and use FILE as the next list",
    "--color --colour": "set NO_COLOR=1 in the environment for no colours",
    "--stderr": "let the shell do it: pyfetch … 2> FILE",
    "--trace --trace-ascii": "write --log-file FILE",
    "--background --daemon": "let the shell do it: nohup pyfetch … &",
    "--cookie-jar --save-cookies": "pyfetch writes no cookies; --cookies FILE reads them",
    "--checksum": "write it after the URL: https://host/file#sha256=… (in a list: sha256=…)",
    "--check-integrity": "write the checksum into the list: https://host/file  sha256=…",
    "--location-trusted": "pyfetch sends user and password to no host but the one they are for",
    "-0 --null": "a list has one URL on each line: tr '\\0' '\\n' < list | pyfetch",
    "--http1.0 --http0.9": _HTTP,
    "--resolve --connect-to --interface --bind-address --dns-servers --doh-url --unix-socket"
    " --local-port": _NO_ROUTES,
    "--ciphers --tls-max --tls13-ciphers --pinnedpubkey --secure-protocol --crlfile": _NO_TLS,
    "--https-only --proto --proto-redir": "write --no-downgrade to stay with https",
    "--max-download-limit": "write --limit-rate SPEED, which is for all transfers together",
    "--allow-overwrite --auto-file-renaming --overwrite --force": _IF_EXISTS,
    "-E": "curl's -E is --cert FILE here; wget's -E: files keep the names that URLs give them",
    "-a": "xargs' -a is just a SOURCE here (pyfetch FILE), and wget's -a is --log-file FILE",
    "--output-file": "wget's --output-file is --log-file FILE; to save one URL: --out FILE",
    "-Q --quota": "write --max-size SIZE, which is for each file, or --min-free SIZE",
    "--cut-dirs --protocol-directories": "write --name with fields: --name '{dir}/{name}'",
    "--random-wait": "write --rate 1/2s for a request to each host every two seconds",
    "--on-download-complete --exec-after": _EACH_FILE,
    "--timeout-ms": "write --timeout 500ms",
    "--retry-max-time": "write --max-time TIME, which is for all tries of a URL",
    "--ignore-errors": "write --allow-failures N, or --allow-failures 5%",
    "-M --manual": "type: man pyfetch",
}
"""Words for what is done in another way, or not at all: the command ends with this sentence."""


def _proxy(value: str) -> str:
    if value.isdecimal():
        raise ValueError(
            f"-x is the proxy, as in curl. For aria2's -x {value}, write --per-host {value}"
            f" (connections to one host), or -w {value} (transfers at once)"
        )
    if re.fullmatch(r"https?://[^/]+/.+", value):
        raise ValueError(
            "-x is the proxy, as in curl. For wget's -x, write --name '{host}/{dir}/{name}'"
        )
    return value if is_url(value) else f"http://{value}"


def _tries(value: str) -> str:
    if not value.isdecimal():
        raise ValueError(f"--tries takes a number, not {value!r}; {_TRIES}")
    return str(int(value) - 1) if int(value) else "1000000"


def _max_time(value: str) -> str:
    if is_url(value):
        raise ValueError(f"-m is the longest time for a URL (-m 5m), as in curl; {_NO_LINKS}")
    return value


def _timeout(value: str) -> str:
    if not value[:1].isdecimal():
        raise ValueError(f"-T is the timeout (-T 10s), as in wget; {_ONLY_GET} and uploads nothing")
    return value


def _split(value: str) -> str:
    return f"{_ONE_CONNECTION}; write -w {value} for aria2's -s{value}"


def _each(value: str) -> str:
    return f"each URL is fetched on its own: leave xargs' -n{value} out"


def _cookies(value: str) -> list[str]:
    if is_url(value):
        raise ValueError("-b takes cookies, as in curl; for wget's -b: nohup pyfetch … &")
    return ["--header", f"Cookie: {value}"] if "=" in value else ["--cookies", value]


def _referer(value: str) -> list[str]:
    if not is_url(value):
        raise ValueError(f"-e is the referer, as in curl. For wget's -e {value}: leave it out")
    return ["--header", f"Referer: {value}"]


def _checked(value: str) -> list[str]:
    return ["--insecure"] if value == "false" else []


BY_VALUE: dict[str, Callable[[str], list[str]]] = {
    "-x=": lambda value: ["--proxy", _proxy(value)],
    "-m=": lambda value: ["--max-time", _max_time(value)],
    "-T=": lambda value: ["--timeout", _timeout(value)],
    "--tries= --max-tries=": lambda value: ["--retries", _tries(value)],
    "-b= --cookie=": _cookies,
    "-e=": _referer,
    "--check-certificate=": _checked,
}
"""Words whose value decides what they become. A `ValueError` says what to do instead."""

GLUED: dict[str, Callable[[str], str]] = {r"-s(\d+)": _split, r"-n(\d+)": _each}
"""Patterns of whole words in which a number stands right after a letter with two meanings: what
to do instead, by the number."""
