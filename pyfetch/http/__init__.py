"""One GET, from the request to the last byte of the body: the only room that knows `requests`.

Holds requests, credentials, cookies, redirects, TLS, strict reading of responses, validators.
May import: the values of `pyfetch` itself, `settings`, `transfer` and `naming`.
"""
