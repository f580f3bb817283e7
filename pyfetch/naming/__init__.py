"""Paths that are safe on every file system: from URLs, templates and Content-Disposition.

May import: the values of `pyfetch` itself (`urls`, `text`, `errors`, …). No I/O happens here.
"""
