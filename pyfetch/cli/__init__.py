"""The command: options, signals, exit status. The only room that knows `click`.

May import: everything. Nothing imports from it.
"""
