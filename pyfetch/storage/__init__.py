"""All that is on disk: parts, files under their final names, the state, the lock.

May import: the values of `pyfetch` itself, `settings`, `naming`, `http.validators`.
"""
