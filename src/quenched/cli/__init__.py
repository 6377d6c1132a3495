"""The command line: flags or a TOML file in, tables and files out."""

from quenched.cli.app import main, run

__all__ = ["main", "run"]
