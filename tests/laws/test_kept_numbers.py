"""What was computed once is computed again, whatever has moved in the tree since."""

from __future__ import annotations

import json

import kept_numbers
import numpy as np
import pytest


@pytest.mark.slow
def test_every_number_is_what_it_was() -> None:
    """To rounding, which a run of two time units hardly amplifies; NaN where there was NaN."""
    kept, now = json.loads(kept_numbers.KEPT.read_text()), kept_numbers.numbers()
    assert kept.keys() == now.keys()
    assert sum(len(values) for arrays in kept.values() for values in arrays.values()) > 500
    for case, arrays in kept.items():
        assert arrays.keys() <= now[case].keys(), case
        for name, values in arrays.items():
            np.testing.assert_allclose(now[case][name], values, rtol=1e-8, atol=1e-11, err_msg=f"{name} of {case}")
