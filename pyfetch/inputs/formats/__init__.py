"""One module for each list format: an iterator from content to records.

A new format is a module here and an entry in `inputs.detect` and `inputs.sources`.
May import: the other modules of `inputs`, but for `sources`.
"""
