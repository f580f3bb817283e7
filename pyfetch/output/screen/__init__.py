"""What is drawn on a terminal: rows of tables, and below them bars. It alone imports `rich`.

May import: all of `output` outside this folder, where nothing imports from it.
"""
