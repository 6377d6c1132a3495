// The theory between the points of its table: cubic in the number of the point, and never across the edge of stability.
"use strict";

((explorer) => {
  // Value at x of the cubic through the points 0, 1, 2, 3.
  function cubic([a, b, c, d], x) {
    const [first, second, third] = [x - 1, x - 2, x - 3];
    return (
      (-a * first * second * third) / 6 + (b * x * second * third) / 2 - (c * x * first * third) / 2 + (d * x * first * second) / 6
    );
  }

  // Where the gain lies in an increasing list that is quadratic, near the edge, in the number of the point.
  function place(gains, edge, gain) {
    const below = gain <= gains[edge];
    const [low, high] = below ? [0, edge] : [edge, gains.length - 1];
    // gain = edge -+ length s^2, s the part of the way from the edge
    const part = Math.sqrt(Math.abs(gain - gains[edge]) / (below ? gains[edge] - gains[0] : gains[high] - gains[edge]));
    return { low, high, at: below ? high - part * (high - low) : low + part * (high - low) };
  }

  // `edge` is the number of the point that is the edge of stability; values on either side are smooth.
  explorer.interpolate = (gains, edge, values, gain) => {
    const { low, high, at } = place(gains, edge, gain);
    const start = Math.min(Math.max(Math.floor(at) - 1, low), high - 3);
    return cubic(values.slice(start, start + 4), at - start);
  };

  // One curve over the gain: its points, the values of both quantities, and their errors.
  function curve(part, row, gains, edge) {
    const found = { gains, edge, invertible: part.invertible?.[row] };
    for (const name of ["fluctuation", "response"]) {
      const { values, solver_error, interpolation_error } = part[name];
      found[name] = { values: values[row], error: Math.max(solver_error, interpolation_error[row]) };
    }
    return found;
  }

  // What the table has for these parameters: a network in time without symmetry, fixed points without noise; else null.
  explorer.theoryOf = ({ activation, field, symmetry, noise }) => {
    const { static: fixed, stationary } = explorer.THEORY;
    const covered = activation === "tanh" && field === 0;
    const rowOf = (list, value) => list.findIndex((each) => Math.abs(each - value) < 1e-9);
    const inTime = covered && symmetry === 0 ? rowOf(stationary.noise, noise) : -1;
    const atRest = covered && noise === 0 ? rowOf(fixed.symmetry, symmetry) : -1;
    return {
      stationary: inTime < 0 ? null : curve(stationary, inTime, stationary.gain, stationary.edge),
      static: atRest < 0 ? null : curve(fixed, atRest, fixed.gain[atRest], fixed.edge[atRest]),
    };
  };

  // Value and error of one quantity of a curve at a gain.
  explorer.theoryAt = ({ gains, edge, ...curve }, name, gain) => ({
    value: explorer.interpolate(gains, edge, curve[name].values, gain),
    error: curve[name].error,
  });
})((globalThis.explorer ??= {}));
