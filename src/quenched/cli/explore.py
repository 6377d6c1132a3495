"""quenched explore."""

from __future__ import annotations


def explore(*, port: int = 0, no_browser: bool = False) -> None:
    """Play with one network and its theories in the browser: sliders, trajectories, spectra, order parameters, landscapes.

    Serves this machine only, until Ctrl-C.

    Parameters
    ----------
    port:
        Where to serve; a free one if left out.
    no_browser:
        Print the address and open nothing.
    """
    from quenched.explorer.serve import server

    made = server(port, open_browser=not no_browser)
    print(f"Serving http://localhost:{made.port} on this machine only; Ctrl-C ends it.", flush=True)
    made.run_until_shutdown()
