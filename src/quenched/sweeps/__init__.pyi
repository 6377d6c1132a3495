from quenched.errors import StoppedSweepError
from quenched.sweeps.sweep import sweep
from quenched.sweeps.sweep_file import read_job, run_file

__all__ = ["StoppedSweepError", "read_job", "run_file", "sweep"]
