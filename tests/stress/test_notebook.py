"""Progress in a real notebook, whose kernel runs the cells."""

from __future__ import annotations

from typing import Any

import nbclient
import nbformat
import pytest

from tests.support.server import LoopbackServer, Page

SECONDS = 120


def executed(*cells: str) -> Any:
    """The notebook after its cells have run, with the state of its widgets."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    for cell in cells:
        notebook.cells.append(nbformat.v4.new_code_cell(cell))  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3").execute()
    return notebook


@pytest.fixture
def cell(server: LoopbackServer) -> str:
    server.pages |= {f"/{number}": Page(b"x" * 100) for number in range(30)}
    urls = [f"{server.url}/{number}" for number in range(31)]
    return (
        "from pyfetch import fetch_all\n"
        f"len(list(fetch_all({urls!r}, discard=True, progress=True)))"
    )


@pytest.mark.filterwarnings("default")  # of Jupyter's own
class TestANotebook:
    def test_progress_is_a_widget_where_tqdm_is_installed(self, cell: str) -> None:
        notebook = executed(cell)
        outputs = notebook.cells[0].outputs
        views = [o.data for o in outputs if o.output_type == "display_data"]
        assert any("application/vnd.jupyter.widget-view+json" in data for data in views)
        assert outputs[-1].data["text/plain"] == "31"
        assert not [o for o in outputs if o.get("name") == "stderr"]
        widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
        states = [widget["state"] for widget in widgets.values()]
        (bar,) = [state for state in states if state["_model_name"] == "FloatProgressModel"]
        assert (bar["value"], bar["max"], bar["bar_style"]) == (31, 31, "success")
        texts = "".join(str(state.get("value")) for state in states).replace("\u2007", " ")
        assert "31/31" in texts
        assert "1 failed" in texts

    def test_progress_is_drawn_by_rich_where_it_is_not(self, cell: str) -> None:
        notebook = executed("import sys; sys.modules['tqdm'] = None", cell)
        (*outputs, last) = notebook.cells[1].outputs
        assert last.data["text/plain"] == "31"
        assert "31/31" in str(outputs) + str(notebook.metadata)
