// The network dx_i/dt = -x_i + sum_j J_ij phi(x_j) + b, with noise: its couplings, its rates, one step in time.
"use strict";

((explorer) => {
  // erf z = 2/sqrt(pi) exp(-z^2) sum_n 2^n z^(2n+1) / (1 3 5 ... (2n+1)): all terms of one sign, so that nothing cancels.
  explorer.erf = (z) => {
    if (Math.abs(z) > 6) return Math.sign(z); // 1 - erf 6 = 2e-17
    const square = 2 * z * z;
    let term = z;
    let sum = z;
    for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
      term *= square / odd;
      sum += term;
    }
    return (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
  };

  // phi and its slope; `odd` ones have slope 1 at 0 and stay at rest there, `bounded` ones cannot grow without bound.
  explorer.ACTIVATIONS = {
    tanh: { rate: Math.tanh, slope: (x) => 1 - Math.tanh(x) ** 2, odd: true, bounded: true },
    erf: {
      rate: (x) => explorer.erf((Math.sqrt(Math.PI) / 2) * x),
      slope: (x) => Math.exp((-Math.PI / 4) * x * x),
      odd: true,
      bounded: true,
    },
    relu: { rate: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0), odd: false, bounded: false },
    linear: { rate: (x) => x, slope: () => 1, odd: true, bounded: false },
  };

  // Z = a X + b X' with X independent standard normal, X' its transpose, a^2 + b^2 = 1 and 2ab = symmetry; J = g Z / sqrt(N).
  // Matrices are row after row; element [i N + j] is the coupling from neuron j to neuron i.
  explorer.couplings = (size, gain, symmetry, normal) => {
    const independent = Float64Array.from({ length: size * size }, normal);
    const sum = Math.sqrt(1 + symmetry) / 2;
    const difference = Math.sqrt(1 - symmetry) / 2;
    const scale = gain / Math.sqrt(size);
    return independent.map((each, place) => {
      const back = independent[(place % size) * size + Math.floor(place / size)];
      return scale * ((sum + difference) * each + (sum - difference) * back);
    });
  };

  explorer.product = (matrix, vector) => {
    const size = vector.length;
    const found = new Float64Array(size);
    for (let row = 0, place = 0; row < size; row++) {
      let sum = 0;
      for (let column = 0; column < size; column++, place++) sum += matrix[place] * vector[column];
      found[row] = sum;
    }
    return found;
  };

  // F_i = -x_i + sum_j J_ij phi(x_j) + b
  explorer.drift = (couplings, rate, field, state) =>
    explorer.product(couplings, state.map(rate)).map((received, neuron) => received - state[neuron] + field);

  // Heun's scheme, "second_order" of the package: x' = x + h (F(x) + F(x + h F(x) + k)) / 2 + k, k the noise of the step.
  explorer.step = (couplings, rate, field, state, step, kick) => {
    const drift = explorer.drift(couplings, rate, field, state);
    const ahead = state.map((each, neuron) => each + step * drift[neuron] + kick[neuron]);
    const later = explorer.drift(couplings, rate, field, ahead);
    return state.map((each, neuron) => each + 0.5 * step * (drift[neuron] + later[neuron]) + kick[neuron]);
  };

  // Diagonal of (1 - J)^(-1): what a constant field to a neuron does to its own rate at rest, where phi has slope 1. By
  // Gauss and Jordan's elimination in place, the largest element of a column first; NaN where 1 - J cannot be inverted.
  explorer.restingResponses = (couplings) => {
    const size = Math.round(Math.sqrt(couplings.length));
    const rows = Array.from({ length: size }, (_, row) =>
      Float64Array.from({ length: size }, (_, column) => (row === column ? 1 : 0) - couplings[row * size + column]),
    );
    const order = [];
    for (let pivot = 0; pivot < size; pivot++) {
      let best = pivot;
      for (let row = pivot + 1; row < size; row++) {
        if (Math.abs(rows[row][pivot]) > Math.abs(rows[best][pivot])) best = row;
      }
      [rows[pivot], rows[best]] = [rows[best], rows[pivot]];
      order.push(best);
      const top = rows[pivot];
      const inverse = 1 / top[pivot];
      if (!Number.isFinite(inverse)) return new Float64Array(size).fill(NaN);
      top[pivot] = 1;
      for (let column = 0; column < size; column++) top[column] *= inverse;
      for (let row = 0; row < size; row++) {
        if (row === pivot) continue;
        const factor = rows[row][pivot];
        rows[row][pivot] = 0;
        for (let column = 0; column < size; column++) rows[row][column] -= factor * top[column];
      }
    }
    // Exchanged rows of the matrix are columns of its inverse, exchanged in the opposite order.
    const columns = Array.from({ length: size }, (_, column) => column);
    for (let pivot = size - 1; pivot >= 0; pivot--) {
      [columns[pivot], columns[order[pivot]]] = [columns[order[pivot]], columns[pivot]];
    }
    return Float64Array.from(rows, (row, neuron) => row[columns[neuron]]);
  };
})((globalThis.explorer ??= {}));
