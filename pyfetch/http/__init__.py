"""HTTP: one GET, from the request to the last byte of the body.

Holds the client over `requests` (the only room that imports it), requests, redirects, credentials,
TLS, the strict reading of responses, and validators. A client pushes each response to a `Receiver`
(`response`), the seam to the engine.
May import: the values of `pyfetch` itself, `settings`, `transfer` and `naming`.
"""
