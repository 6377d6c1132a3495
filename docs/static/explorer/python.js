// The same with the package: a program that draws a network of the ensemble, runs it, and solves the theory.
"use strict";

((explorer) => {
  const CLASSES = { tanh: "qd.Tanh()", erf: "qd.Erf()", relu: "qd.ReLU()", linear: "qd.Linear()" };
  const real = (number) => (Number.isInteger(number) ? `${number}.0` : `${number}`);

  explorer.python = ({ gain, symmetry, noise, field, size, activation, seed }) => {
    const values = { gain, symmetry, noise, field };
    const given = Object.entries(values).map(([name, value]) => `${name}=${real(value)}`);
    const lines = [
      "import matplotlib.pyplot as plt",
      "import numpy as np",
      "import quenched as qd",
      "",
      "# Another draw of the same ensemble: the page has random numbers of its own.",
      `model = qd.RandomNetwork(${given.join(", ")}, activation=${CLASSES[activation]})`,
      `network = model.draw(size=${size}, key=${seed})`,
      "eigenvalues = np.linalg.eigvals(network.weights)",
      `run = qd.simulate.integrate(network, duration=100.0, step=${explorer.STEP}, noise=${real(noise)}, key=${seed})`,
      "",
      "# Averages over neurons, time and networks; then theory, N to infinity. `status` 0 means solved.",
      `experiment = qd.simulate.Trajectories(size=${size}, networks=8, duration=200.0, step=${explorer.STEP}, burn_in=100.0)`,
      `found = {"networks": qd.solve(model, experiment, key=${seed}, throw=False)}`,
    ];
    if (symmetry === 0) {
      lines.push('found["in time"] = qd.solve(model, qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,)), throw=False)');
    }
    if (noise === 0) lines.push('found["fixed points"] = qd.solve(model, qd.dmft.Static(), throw=False)');
    lines.push(
      "for name, solution in found.items():",
      '    value, error = (solution[each].item() for each in ("mean_square_rate", "mean_square_rate_error"))',
      '    print(f"{name}: <phi^2> = {value:.4f} +- {error:.4f}, status {solution.status}")',
      "",
      "figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))",
      "left.plot(run.time, run.trajectory[:, 0, :6])",
      'left.set(xlabel="time t (leak times)", ylabel="state x")',
      'right.plot(eigenvalues.real, eigenvalues.imag, ".")',
      'right.axvline(1.0, linestyle="--", color="0.5")',
      'right.set(xlabel="Re of eigenvalues of J", ylabel="Im", aspect="equal")',
      "plt.show()",
      "",
    );
    return lines.join("\n");
  };
})((globalThis.explorer ??= {}));
