"""The default branch, anywhere."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.theory import Start


def test_random_points_are_solved_or_say_why() -> None:
    """In no order; more than 99 of 100 solved, no NaN beside a solved status, and no exception."""
    random = np.random.default_rng(5)
    count, batch = 1000, 125
    gain, symmetry = random.uniform(0.1, 5.0, count), random.uniform(-1.0, 1.0, count)
    temperature = 10.0 ** random.uniform(-5.0, 1.0, count)
    with jax.enable_x64(True):

        @jax.jit
        @jax.vmap
        def solve(gain: jax.Array, symmetry: jax.Array, temperature: jax.Array) -> tuple[jax.Array, ...]:
            theory = qd.replica.FiniteTemperature(temperature)
            computed = theory.compute(qd.RandomNetwork(gain, symmetry), qd.Newton(), Start("zero_overlap"))
            values = jnp.stack([computed.arrays[name] for name in sorted(computed.arrays)])
            return computed.status, computed.residual, jnp.all(jnp.isfinite(values)), computed.arrays["self_overlap"]

        def run(order: np.ndarray) -> list[np.ndarray]:
            parts = [solve(gain[part], symmetry[part], temperature[part]) for part in np.split(order, len(order) // batch)]
            return [np.concatenate([np.asarray(part[column]) for part in parts]) for column in range(4)]

        status, residual, finite, overlap = run(np.arange(count))
        some = random.permutation(count)[: 4 * batch]
        again = run(some)
    solved = status == qd.Status.solved
    assert solved.mean() > 0.99
    assert residual[solved].max() < 1e-10
    assert finite[solved].all()
    assert set(np.unique(status)) <= {int(code) for code in qd.Status}
    # In other batches the same.
    np.testing.assert_array_equal(status[some], again[0])
    np.testing.assert_allclose(overlap[some][solved[some]], again[3][solved[some]], rtol=1e-9)


@pytest.mark.slow
def test_random_points_with_a_field_are_solved_or_say_why() -> None:
    random = np.random.default_rng(6)
    count = 100
    points = np.stack(
        [
            random.uniform(0.1, 5.0, count),
            random.uniform(-1.0, 1.0, count),
            10.0 ** random.uniform(-5.0, 1.0, count),
            random.uniform(0.05, 1.0, count),
        ]
    )

    def unsolved(points: list[np.ndarray], nodes: int) -> list[np.ndarray]:
        left = []
        for point in points:
            gain, symmetry, temperature, field = point
            model, theory = qd.RandomNetwork(gain, symmetry, field=field), qd.replica.FiniteTemperature(temperature)
            found = qd.solve(model, theory, solver=qd.Newton(nodes=nodes), throw=False)
            assert found.status in (qd.Status.solved, qd.Status.coarse_quadrature, qd.Status.out_of_steps)
            if found.status == qd.Status.solved:
                assert float(found.residual) < 1e-10
                assert np.isfinite([float(array) for array in found.arrays.values()]).all()
            else:
                left.append(point)
        return left

    # At low temperature, large gain and symmetry < 0 averages jump with the fields; more nodes see how.
    left = unsolved(list(points.T), 48)
    assert len(left) < 0.1 * count
    assert len(unsolved(left, 144)) <= 0.01 * count
