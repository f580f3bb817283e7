"""Runs transfers: reads the input ahead, makes attempts in threads, puts results in order.

May import: all rooms but `cluster` and `cli`.
"""
