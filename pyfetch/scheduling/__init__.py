"""Which URL may be asked when: jobs, queue, hosts, retries, concurrency, stalls.

Pure: the time is an argument, nothing here waits, does I/O or knows threads.
May import: the values of `pyfetch` itself, `settings` and `transfer`.
"""
