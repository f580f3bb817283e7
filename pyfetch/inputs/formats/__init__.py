"""One module for each list format, with an iterator that makes records of its content.

A new format is a module here and an entry in `inputs.detect` and `inputs.sources`.
May import: the other modules of `inputs`, except `sources`.
"""
