// Averages of one running network over its neurons and over time, with their standard errors.
"use strict";

((explorer) => {
  const mean = (series) => series.reduce((sum, each) => sum + each, 0) / series.length;

  explorer.mean = mean;

  // Mean over neurons of a function of the state.
  explorer.average = (state, of) => {
    let sum = 0;
    for (let neuron = 0; neuron < state.length; neuron++) sum += of(state[neuron]);
    return sum / state.length;
  };

  // Of independent numbers.
  explorer.standardError = (numbers) => {
    const centre = mean(numbers);
    const square = numbers.reduce((sum, each) => sum + (each - centre) ** 2, 0);
    return Math.sqrt(square / (numbers.length - 1) / numbers.length);
  };

  // Standard error of the mean of a stationary series that remembers, as the package's `error_of_time_average`: from the
  // autocovariance, cut where its pairs cease to be positive (Geyer 1992), and corrected for the mean that was subtracted.
  explorer.errorOfTimeAverage = (series) => {
    const count = series.length;
    if (count < 2) return NaN;
    const shifted = series.map((each) => each - series[0]); // a constant is 0 exactly
    const centre = mean(shifted);
    const deviation = shifted.map((each) => each - centre);
    const covariance = (lag) => {
      let sum = 0;
      for (let block = lag; block < count; block++) sum += deviation[block - lag] * deviation[block];
      return sum / count;
    };
    const variance = covariance(0);
    let least = Infinity;
    let sum = 0;
    let kept = 0;
    for (let pair = 0; pair < Math.max(1, Math.floor(count / 8)); pair++) {
      least = Math.min(least, covariance(2 * pair) + covariance(2 * pair + 1));
      if (!(least > 0)) break;
      sum += least;
      kept += 1;
    }
    const window = Math.min(Math.max(4 * kept - 1, 1), count - 1);
    const square = (2 * sum - variance) / count / (1 - window / count);
    return Math.sqrt(Math.max(square, variance / (count - 1)));
  };

  // Means of a long series in at most 512 blocks of equal length, whose length doubles when there are more.
  explorer.Blocks = class {
    constructor(length) {
      Object.assign(this, { length, means: [], sum: 0, count: 0 });
    }

    add(value) {
      this.sum += value;
      this.count += 1;
      if (this.count < this.length) return;
      this.means.push(this.sum / this.count);
      this.sum = this.count = 0;
      if (this.means.length < 512) return;
      this.means = this.means.filter((_, block) => block % 2 === 0).map((each, pair) => (each + this.means[2 * pair + 1]) / 2);
      this.length *= 2;
    }
  };
})((globalThis.explorer ??= {}));
