"""Which URL may be asked when: jobs, queue, hosts, retries, concurrency, stalls.

"Pure" in a module of this room means: it does no I/O, knows no threads, and never waits; the time
is an argument.
May import: the values of `pyfetch` itself, `settings` and `transfer`.
"""
