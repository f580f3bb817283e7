"""The client over libcurl's multi interface, by pycurl, which is the optional extra `curl`.

Loaded only where `--engine curl` asks for it. One thread makes all transfers.
"""
