from quenched.sweeps.sweep import sweep
from quenched.sweeps.sweep_file import read_job, run_file

__all__ = ["read_job", "run_file", "sweep"]
