"""Title and links of a page of HTML: for `--map pages.py:parse`."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

from pyfetch import Result


class Page(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.title = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (link := dict(attrs).get("href")):
            self.links.append(urljoin(self.url, link))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "title" and not self.title:
            self.title = " ".join(data.split())


def parse(path: Path, result: Result) -> dict[str, object]:
    page = Page(result.url)
    page.feed(path.read_text(errors="replace"))
    page.close()
    return {"title": page.title, "links": page.links}
