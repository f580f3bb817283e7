"""Errors of the command line as one line for people: what is wrong, and what to do."""

from __future__ import annotations

import re

import click
from click.core import ParameterSource

from pyfetch.text import escaped

_HABITS = (
    ("workers", "%", "curl's -w is --format jsonl here"),
    ("format", "'json'", "write --format jsonl"),
    ("progress", "'(dot|bar:)", "write --progress bar"),
    ("rate", r"'[0-9.]+[KkMmGg]", "to limit bytes, not requests, write --limit-rate"),
)
"""By option and what is in its value: a hint for people who are used to another tool."""


def sentence(error: click.ClickException) -> str:
    """What to say about an error, on one line."""
    text = error.format_message()
    text = text[:1].lower() + text[1:]
    if isinstance(error, click.BadParameter) and error.param is not None:
        said = error.message.rstrip(".")
        text = f"{_name(error.param, error.ctx)}: {said}{_hint(error.param, said)}"
    return escaped(text).rstrip(".")


def _name(param: click.Parameter, context: click.Context | None) -> str:
    """The option as it is written; its variable, if that has the wrong value."""
    source = context.get_parameter_source(param.name) if context and param.name else None
    if source is ParameterSource.ENVIRONMENT and context and param.name:
        return f"{context.auto_envvar_prefix}_{param.name.upper()}"
    return "/".join(sorted(param.opts, key=len))


def _hint(param: click.Parameter, message: str) -> str:
    for name, pattern, hint in _HABITS:
        if name == param.name and re.search(pattern, message):
            return f" ({hint})"
    return ""
