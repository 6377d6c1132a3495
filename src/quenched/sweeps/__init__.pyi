from quenched.sweeps.job import read_job, run_file
from quenched.sweeps.sweep import sweep

__all__ = ["read_job", "run_file", "sweep"]
