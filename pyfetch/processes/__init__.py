"""Processes that this one starts, to compute or to fetch: how they begin, talk and end.

May import: the values. Loaded where a run has such processes.
"""
