"""What is done with each file once it is there: a command, or a function in processes of its own.

May import: `storage`, `naming`, `settings` and the values. Nothing is loaded in a run that only
fetches.
"""
