"""A run over several processes: of this machine (`--processes`), or on a cluster (`--cluster`).

May import: all rooms but `cli`. Nothing but `run` imports from it. Only the modules named `dask_…`
import `distributed`.
"""
