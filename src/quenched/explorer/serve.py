"""The server: on this machine only."""

from __future__ import annotations

from typing import Any

ADDRESS = "127.0.0.1"


def server(port: int = 0, open_browser: bool = True) -> Any:
    """A server of the page at this machine's own address. Nobody else can open it, and it asks nothing of any other machine.

    Arguments:
        port: 0 takes one that is free; `.port` of what is returned says which.
        open_browser: show the page once it runs.

    Returns:
        Bokeh's server, which `.run_until_shutdown()` runs until Ctrl-C.

    Raises:
        ImportError: Panel is not installed.
        OSError: the port is taken.
    """
    try:
        import panel as pn
    except ImportError:
        raise ImportError('The explorer needs Panel: pip install "quenched[explorer]".') from None
    from quenched.explorer.app import page

    return pn.io.server.get_server(page, port=port, address=ADDRESS, show=open_browser, title="quenched")
