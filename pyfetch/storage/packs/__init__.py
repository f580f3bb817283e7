"""Many bodies in one file: the `Store` of a run with `--pack`.

`pack_format` is the seam for formats; `webdataset` is the module of one.
"""
