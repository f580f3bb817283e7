"""The report of a run, a page: what it says is computed from results as they come.

`figures` adds up, `verdict` judges what held the run back, `page` makes the HTML. May import:
all of `output` outside this folder but `screen`, `settings`, and the modules of values.
"""
