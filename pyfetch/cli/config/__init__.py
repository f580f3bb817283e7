"""The configuration of the command: a file with defaults, profiles and settings of hosts.

`options` finds the file, `file` reads it, `reader` checks it by `values`, `layers` says what counts
more, `show` shows it. Only `options` is loaded where there is no file.
"""
