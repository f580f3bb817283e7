"""The report of a run: what it says is computed from results as they come, and shown as a page.

`figures` adds up, `verdict` judges what held the run back, `page` makes the HTML. May import:
the modules of values.
"""
