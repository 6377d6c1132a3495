// The four drawings of the page. Each also describes itself in words, for those who do not see it.
"use strict";

((explorer) => {
  const NEURONS = ["blue", "vermillion", "green", "purple", "orange", "sky"];
  const DASH = [5, 4];
  const DOTTED = [1.5, 4];
  const Y = {
    fluctuation: { start: 1, label: "fluctuation \u27e8\u03c6\u00b2\u27e9" },
    response: { start: 2, label: "response d\u27e8\u03c6\u27e9/db" },
  };
  const LARGEST_GAIN = 3;

  const shown = (number, digits = 3) => number.toFixed(digits).replace("-", "\u2212");

  function describe(canvas, words) {
    if (canvas.getAttribute("aria-label") !== words) canvas.setAttribute("aria-label", words);
  }

  explorer.drawTrajectories = (canvas, colour, run) => {
    const first = Math.max(0, run.time - explorer.WINDOW);
    const most = run.kept.reduce((found, [, ...states]) => Math.max(found, ...states.map(Math.abs)), 0);
    const end = explorer.roundEnd(Math.max(1, most));
    const plot = new explorer.Plot(canvas, colour, {
      x: { range: [first, first + explorer.WINDOW], label: "time t (leak times)" },
      y: { range: [-end, end], label: "state x" },
    });
    plot.line([[first, 0], [first + explorer.WINDOW, 0]], "axis", { width: 1 });
    for (let neuron = 0; neuron < run.shown; neuron++) {
      plot.line(run.kept.map((row) => [row[0], row[neuron + 1]]), NEURONS[neuron]);
    }
    describe(canvas, `States of ${run.shown} neurons over time; the largest in sight is ${shown(most, 2)}.`);
  };

  explorer.drawEigenvalues = (canvas, colour, run) => {
    const { gain, symmetry } = run.parameters;
    const [width, height] = [gain * (1 + symmetry), gain * (1 - symmetry)];
    const of = (part) => run.eigenvalues.map((each) => Math.abs(each[part]));
    const reach = [Math.max(1.3, 1.1 * width, 1.1 * Math.max(...of("re"))), Math.max(0.5, 1.1 * height, 1.1 * Math.max(...of("im")))];
    const plot = new explorer.Plot(canvas, colour, {
      x: { range: [-reach[0], reach[0]], label: "real part of \u03bb" },
      y: { range: [-reach[1], reach[1]], label: "imaginary part of \u03bb" },
      equal: true,
    });
    plot.line([[1, plot.y[0]], [1, plot.y[1]]], "text", { dash: DASH });
    plot.ellipse(width, height, "vermillion");
    plot.dots(run.eigenvalues.map(({ re, im }) => [re, im]), "blue", 2.5);
    const abscissa = explorer.abscissa(run.eigenvalues);
    describe(
      canvas,
      `${run.eigenvalues.length} eigenvalues; ellipse with half axes ${shown(width)} and ${shown(height)}; largest real part ${shown(abscissa)}.`,
    );
  };

  // Solid where every neuron has one state, dotted elsewhere.
  function drawStatic(plot, curve, name) {
    const points = curve.gains.map((gain, place) => [gain, curve[name].values[place]]);
    const end = curve.invertible.indexOf(0);
    const split = end < 0 ? points.length : end;
    plot.line(points.slice(0, split), "blue", { width: 4 });
    plot.line(points.slice(Math.max(0, split - 1)), "blue", { width: 4, dash: DOTTED });
  }

  explorer.drawTheory = (canvas, colour, run, name) => {
    const { gain, symmetry, noise } = run.parameters;
    const measured = run[name];
    const { start, label: quantity } = Y[name];
    const end = measured && measured.value > start ? explorer.roundEnd(measured.value) : start;
    const plot = new explorer.Plot(canvas, colour, {
      x: { range: [0, LARGEST_GAIN], label: "gain g" },
      y: { range: [0, end], label: quantity },
    });
    const edge = 1 / (1 + symmetry);
    if (run.odd) plot.line([[edge, 0], [edge, end]], "axis", { dash: DASH });
    const theory = explorer.theoryOf(run.parameters);
    const words = [];
    if (theory.static) drawStatic(plot, theory.static, name);
    if (theory.stationary) {
      const { gains, [name]: column } = theory.stationary;
      plot.line(gains.map((each, place) => [each, column.values[place]]), "text", { width: 1.5 });
    }
    for (const [kind, label] of [["static", "Static DMFT"], ["stationary", "Stationary DMFT"]]) {
      if (!theory[kind]) continue;
      const { value } = explorer.theoryAt(theory[kind], name, gain);
      plot.ring(gain, value, "vermillion");
      words.push(`${label} at gain ${shown(gain, 2)}: ${shown(value, 4)}.`);
    }
    if (words.length === 0) {
      plot.note(`no theory in the table for ${noise > 0 && symmetry !== 0 ? "noise with symmetry" : "this \u03c6 or input"}`);
    }
    if (measured) {
      plot.measured(gain, measured.value, measured.error, "green");
      words.push(`This network: ${shown(measured.value, 4)} \u00b1 ${shown(measured.error, 4)}.`);
    }
    describe(canvas, `${quantity} against the gain. ${words.join(" ")}`);
  };
})((globalThis.explorer ??= {}));
