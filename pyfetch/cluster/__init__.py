"""A run over several processes of this machine: `--processes`.

May import: all rooms but `cli`. Nothing but `run` imports from it.
"""
