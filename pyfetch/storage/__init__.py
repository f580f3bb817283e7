"""What is on disk: parts, final names, the state, the lock of a run.

May import: the values of `pyfetch` itself, `settings`, `naming`, `http.validators`.
"""
