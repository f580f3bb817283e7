"""What a program is to do in one run: documents, where they are, and the lists that say so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Document:
    """A file of the server. With a query, one file may stand for many URLs."""

    path: str
    """Below the server's root."""
    size: int
    """Bytes."""
    query: str = ""

    @property
    def name(self) -> str:
        """What every program calls it where it saves it."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Job:
    """A list for any program, in the forms that they read. Programs save where they are run."""

    documents: tuple[Document, ...]
    urls: tuple[str, ...]
    """Of the documents, in their order."""
    workers: int
    authority: Path | None
    """To be trusted, where the URLs are https."""
    lists: Path
    """The directory that has the lists."""

    @property
    def urls_txt(self) -> str:
        """A URL a line."""
        return str(self.lists / "urls.txt")

    @property
    def names_txt(self) -> str:
        """The name of each file, one a line."""
        return str(self.lists / "names.txt")

    @property
    def urls_csv(self) -> str:
        """URL and name, one pair a line."""
        return str(self.lists / "urls.csv")

    @property
    def saving_curl(self) -> str:
        """The same for curl, which has to be told each name."""
        return str(self.lists / "saving.curl")

    @property
    def discarding_curl(self) -> str:
        """The same where nothing is kept."""
        return str(self.lists / "discarding.curl")

    def write_lists(self) -> None:
        self.lists.mkdir(parents=True)
        names = [document.name for document in self.documents]
        with Path(self.urls_txt).open("w") as file:
            file.writelines(f"{url}\n" for url in self.urls)
        with Path(self.names_txt).open("w") as file:
            file.writelines(f"{name}\n" for name in names)
        with Path(self.urls_csv).open("w") as file:
            for url, name in zip(self.urls, names, strict=True):
                file.write(f"{url},{name}\n")
        with Path(self.saving_curl).open("w") as file:
            for url, name in zip(self.urls, names, strict=True):
                file.write(f'url = "{url}"\noutput = "{name}"\n')
        with Path(self.discarding_curl).open("w") as file:
            file.writelines(f'url = "{url}"\noutput = "/dev/null"\n' for url in self.urls)
