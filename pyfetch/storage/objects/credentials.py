"""What the tools of AWS find and `obstore` does not: keys and region of a profile.

Environment variables, roles of machines and tokens of pods `obstore` finds itself.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pyfetch.http.s3_signature import S3Access

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_LEFT_TO_OBSTORE = (
    "allow_invalid_certificates", "default_headers", "proxy_ca_certificate", "proxy_url",
    "request_payer", "root_certificate", "s3_express", "server_side_encryption", "skip_signature",
    "sse_bucket_key_enabled", "sse_customer_key_base64", "sse_kms_key_id",
)  # fmt: skip
"""Options that change what is sent, or how, as our own clients of S3 do not know it."""
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def completed(scheme: str, options: Mapping[str, str]) -> dict[str, Any]:
    """These options, with what environment and profile of AWS say beside them."""
    config: dict[str, Any] = dict(options)
    if scheme != "s3":
        return config
    names = {key.removeprefix("aws_") for key in config}
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    if endpoint and not any("endpoint" in name for name in names):
        config["aws_endpoint"] = endpoint
    profile = _profile()
    has_keys = "access_key_id" in names or os.environ.get("AWS_ACCESS_KEY_ID")
    if not has_keys and "skip_signature" not in names:
        config.update({key: profile[key] for key in _KEYS if key in profile})
    has_region = any(os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
    if not (has_region or names & {"region", "default_region"}) and "region" in profile:
        config["aws_region"] = profile["region"]
    return config


def s3_access(scheme: str, options: Mapping[str, str]) -> S3Access | None:
    """Where and with which keys a bucket of S3 is used; None if that is left to `obstore`.

    So it is with keys that a machine or pod gets for a time, with hosts that name the bucket,
    behind a proxy, and with options such as those of encryption.
    """
    if scheme != "s3":
        return None
    config = {
        key.removeprefix("aws_"): str(value) for key, value in completed(scheme, options).items()
    }

    def said(*names: str) -> str | None:
        of_options = (config[name] for name in names if config.get(name))
        variables = (os.environ.get(f"AWS_{name.upper()}") for name in names)
        return next(of_options, None) or next((value for value in variables if value), None)

    key_id, secret = said("access_key_id"), said("secret_access_key")
    virtual = (said("virtual_hosted_style_request") or "").lower() not in ("", "false")
    if not (key_id and secret) or virtual or any(map(said, _LEFT_TO_OBSTORE)):
        return None
    region = said("region", "default_region") or "us-east-1"
    endpoint = said("endpoint_url_s3", "endpoint", "endpoint_url")
    endpoint = (endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/")
    if _is_behind_proxy(endpoint):
        return None
    return S3Access(endpoint, region, key_id, secret, said("session_token", "token"))


def _is_behind_proxy(endpoint: str) -> bool:
    proxies, parts = getproxies(), urlsplit(endpoint)
    if not (parts.scheme in proxies or "all" in proxies):
        return False
    return not proxy_bypass(parts.netloc)


def _profile() -> dict[str, str]:
    """What the files of AWS say of the profile that the environment names, or of the default."""
    name = os.environ.get("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    for variable, default, section in (
        ("AWS_CONFIG_FILE", "~/.aws/config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", name),
    ):
        file = Path(os.environ.get(variable) or default).expanduser()
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(file.read_text())
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        if parser.has_section(section):
            found.update(parser.items(section))
    return found
