"""The extension for a media type: `{type_ext}` in a name template.

The table is pyfetch's own. Python's `mimetypes` also reads files of the system, so the same list
would give other names on another machine.
"""

from __future__ import annotations

EXTENSIONS = {
    "application/atom+xml": ".atom",
    "application/dicom": ".dcm",
    "application/epub+zip": ".epub",
    "application/geo+json": ".geojson",
    "application/gpx+xml": ".gpx",
    "application/gzip": ".gz",
    "application/java-archive": ".jar",
    "application/javascript": ".js",
    "application/json": ".json",
    "application/jsonl": ".jsonl",
    "application/ld+json": ".jsonld",
    "application/manifest+json": ".webmanifest",
    "application/msword": ".doc",
    "application/ogg": ".ogx",
    "application/parquet": ".parquet",
    "application/pdf": ".pdf",
    "application/postscript": ".ps",
    "application/rss+xml": ".rss",
    "application/rtf": ".rtf",
    "application/sql": ".sql",
    "application/vnd.android.package-archive": ".apk",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.debian.binary-package": ".deb",
    "application/vnd.google-earth.kml+xml": ".kml",
    "application/vnd.google-earth.kmz": ".kmz",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-fontobject": ".eot",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.rar": ".rar",
    "application/vnd.sqlite3": ".sqlite3",
    "application/wasm": ".wasm",
    "application/x-7z-compressed": ".7z",
    "application/x-bzip2": ".bz2",
    "application/x-gzip": ".gz",
    "application/x-hdf5": ".h5",
    "application/x-javascript": ".js",
    "application/x-ndjson": ".ndjson",
    "application/x-netcdf": ".nc",
    "application/x-rar-compressed": ".rar",
    "application/x-rpm": ".rpm",
    "application/x-sh": ".sh",
    "application/x-tar": ".tar",
    "application/x-tex": ".tex",
    "application/x-xz": ".xz",
    "application/x-yaml": ".yaml",
    "application/x-zip-compressed": ".zip",
    "application/xhtml+xml": ".xhtml",
    "application/xml": ".xml",
    "application/yaml": ".yaml",
    "application/zip": ".zip",
    "application/zstd": ".zst",
    "audio/aac": ".aac",
    "audio/aiff": ".aiff",
    "audio/flac": ".flac",
    "audio/midi": ".mid",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "audio/x-flac": ".flac",
    "audio/x-m4a": ".m4a",
    "audio/x-wav": ".wav",
    "font/otf": ".otf",
    "font/ttf": ".ttf",
    "font/woff": ".woff",
    "font/woff2": ".woff2",
    "image/apng": ".apng",
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/jp2": ".jp2",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/jxl": ".jxl",
    "image/pjpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tif",
    "image/vnd.adobe.photoshop": ".psd",
    "image/vnd.microsoft.icon": ".ico",
    "image/webp": ".webp",
    "image/x-icon": ".ico",
    "image/x-ms-bmp": ".bmp",
    "model/gltf+json": ".gltf",
    "model/gltf-binary": ".glb",
    "text/calendar": ".ics",
    "text/css": ".css",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/javascript": ".js",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/rtf": ".rtf",
    "text/tab-separated-values": ".tsv",
    "text/vcard": ".vcf",
    "text/vtt": ".vtt",
    "text/xml": ".xml",
    "text/yaml": ".yaml",
    "video/mp2t": ".ts",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpg",
    "video/ogg": ".ogv",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-flv": ".flv",
    "video/x-matroska": ".mkv",
    "video/x-ms-wmv": ".wmv",
    "video/x-msvideo": ".avi",
}
"""By media type, in lower case: one extension, the most common one."""

_SAME = {
    ".htm": ".html",
    ".jpe": ".jpg",
    ".jpeg": ".jpg",
    ".mpeg": ".mpg",
    ".tiff": ".tif",
    ".yml": ".yaml",
}
"""Other extensions of types in the table, which mean the same."""

_COMPRESSED = frozenset({".bz2", ".gz", ".xz", ".zst"})


def type_extension(media_type: str | None, of_url: str) -> str:
    """The extension for a media type, with its dot.

    Where the type is not known yet (None), or tells nothing (`application/octet-stream`), it is
    the extension of the URL, `of_url`, written as the table would. A compressed file of another
    kind keeps both of its extensions (`.tar.gz`).
    """
    guess = of_url.lower()
    guess = _SAME.get(guess, guess)
    found = EXTENSIONS.get(media_type or "")
    if found is None:
        return guess
    return guess if found in _COMPRESSED and guess.endswith(found) else found
