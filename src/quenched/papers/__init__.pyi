from quenched.papers.qiu2025.readings import readings
from quenched.papers.reproduce import FIGURES, reproduce
from quenched.papers.reproduction import Reproduction

__all__ = ["FIGURES", "Reproduction", "readings", "reproduce"]
