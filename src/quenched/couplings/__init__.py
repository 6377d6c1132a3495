"""Laws of random couplings: what infinitely many neurons receive, and the weights of finitely many."""

from quenched.couplings.base import AbstractCouplings, Field, Rates
from quenched.couplings.blocks import Blocks
from quenched.couplings.elliptic import Elliptic
from quenched.couplings.low_rank import LowRank
from quenched.couplings.redrawn import Redrawn
from quenched.couplings.sparse import Sparse
from quenched.couplings.sum import Sum

__all__ = ["AbstractCouplings", "Blocks", "Elliptic", "Field", "LowRank", "Rates", "Redrawn", "Sparse", "Sum"]
