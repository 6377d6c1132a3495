// One network of the ensemble, running, and what is measured of it. Everything follows from the parameters and the seed.
"use strict";

((explorer) => {
  explorer.STEP = 0.1;
  explorer.BURN_IN = 50; // leak times before averages begin
  const WINDOW = 60; // leak times that are kept to be drawn
  const SHOWN = 6; // neurons that are kept
  const RUNAWAY = 1e12; // mean square of the states that counts as growth without bound

  explorer.WINDOW = WINDOW;

  // The last network drawn, of gain 1: a slider of the gain draws nothing anew, and eigenvalues are proportional to it.
  let drawn = { key: null };

  function unitNetwork({ size, symmetry, seed }) {
    const key = `${size} ${symmetry} ${seed}`;
    if (drawn.key !== key) {
      const couplings = explorer.couplings(size, 1, symmetry, explorer.normals(seed, explorer.STREAMS.couplings));
      drawn = { key, couplings, eigenvalues: explorer.eigenvalues(couplings) };
    }
    return drawn;
  }

  explorer.Run = class {
    constructor(parameters) {
      const { gain, size, seed, activation } = parameters;
      const { STREAMS, normals } = explorer;
      Object.assign(this, { parameters, ...explorer.ACTIVATIONS[activation], steps: 0, diverged: false });
      const { couplings, eigenvalues } = unitNetwork(parameters);
      this.couplings = couplings.map((each) => gain * each);
      this.eigenvalues = eigenvalues.map(({ re, im }) => ({ re: gain * re, im: gain * im }));
      this.state = Float64Array.from({ length: size }, normals(seed, STREAMS.states));
      this.normal = normals(seed, STREAMS.noise);
      this.shown = Math.min(size, SHOWN);
      this.kept = [];
      const block = Math.round(1 / explorer.STEP);
      this.squares = new explorer.Blocks(block);
      this.slopes = new explorer.Blocks(block);
      this.#keep();
    }

    get time() {
      return this.steps * explorer.STEP;
    }

    advance(steps) {
      const { noise, field, size } = this.parameters;
      const scale = noise * Math.sqrt(explorer.STEP);
      const kick = new Float64Array(size);
      for (let each = 0; each < steps && !this.diverged; each++) {
        if (noise > 0) for (let neuron = 0; neuron < size; neuron++) kick[neuron] = scale * this.normal();
        // As in the package, averages are of the state before the step.
        if (this.time >= explorer.BURN_IN - explorer.STEP / 2) this.#measure();
        this.state = explorer.step(this.couplings, this.rate, field, this.state, explorer.STEP, kick);
        this.steps += 1;
        this.diverged = !(explorer.average(this.state, (x) => x * x) < RUNAWAY);
        this.#keep();
      }
    }

    #keep() {
      if (this.diverged) return;
      this.kept.push([this.time, ...this.state.subarray(0, this.shown)]);
      if (this.kept.length > WINDOW / explorer.STEP + 1) this.kept.shift();
    }

    #measure() {
      this.squares.add(explorer.average(this.state, (x) => this.rate(x) ** 2));
      this.slopes.add(explorer.average(this.state, this.slope));
    }

    // Whether a state at 0 stays there, and small disturbances decay.
    get restIsStable() {
      const { noise, field } = this.parameters;
      return this.odd && noise === 0 && field === 0 && explorer.abscissa(this.eigenvalues) < 1;
    }

    // Mean and standard error; null before there are two blocks.
    get fluctuation() {
      return this.diverged ? null : averaged(this.squares.means);
    }

    // Without symmetry the mean slope; with it what is known at rest; null elsewhere.
    get response() {
      if (this.diverged) return null;
      if (this.parameters.symmetry === 0) return averaged(this.slopes.means);
      if (!this.restIsStable) return null;
      this.resting ??= explorer.restingResponses(this.couplings);
      return { value: explorer.mean(this.resting), error: explorer.standardError(this.resting) };
    }
  };

  function averaged(means) {
    return means.length < 2 ? null : { value: explorer.mean(means), error: explorer.errorOfTimeAverage(means) };
  }
})((globalThis.explorer ??= {}));
