// Eigenvalues of a real matrix: reflections to Hessenberg form, then Francis' double steps (Golub and Van Loan 2013, 7.4-7.5).
"use strict";

((explorer) => {
  const EXCEPTIONAL = 10; // steps without a result after which the shift is another
  const MOST = 60; // steps for one result; 3 are usual

  // v and beta with (1 - beta v v') x a multiple of the first unit vector.
  function reflection(x) {
    let square = 0;
    for (const each of x) square += each * each;
    const length = Math.sqrt(square);
    if (length === 0) return { v: x, beta: 0 };
    const v = [...x];
    v[0] += x[0] < 0 ? -length : length;
    return { v, beta: 1 / (length * (length + Math.abs(x[0]))) };
  }

  // Rows `first`, `first + 1`, ... of the columns `from` to `to`; along rows, as they lie in memory.
  function reflectRows(rows, { v, beta }, first, from, to) {
    const sums = new Float64Array(to + 1);
    for (let k = 0; k < v.length; k++) {
      const row = rows[first + k];
      for (let column = from; column <= to; column++) sums[column] += v[k] * row[column];
    }
    for (let k = 0; k < v.length; k++) {
      const row = rows[first + k];
      const factor = beta * v[k];
      for (let column = from; column <= to; column++) row[column] -= factor * sums[column];
    }
  }

  function reflectColumns(rows, { v, beta }, first, from, to) {
    for (let row = from; row <= to; row++) {
      const here = rows[row];
      let sum = 0;
      for (let k = 0; k < v.length; k++) sum += v[k] * here[first + k];
      sum *= beta;
      for (let k = 0; k < v.length; k++) here[first + k] -= sum * v[k];
    }
  }

  function toHessenberg(rows) {
    const last = rows.length - 1;
    for (let column = 0; column < last - 1; column++) {
      const found = reflection(rows.slice(column + 1).map((row) => row[column]));
      reflectRows(rows, found, column + 1, column, last);
      reflectColumns(rows, found, column + 1, 0, last);
      for (let row = column + 2; row <= last; row++) rows[row][column] = 0;
    }
  }

  // Of [[a, b], [c, d]]; the real one farther from 0 first, the other from the determinant, so that nothing cancels.
  function ofTwo(a, b, c, d) {
    const middle = 0.5 * (a + d);
    const half = 0.5 * (a - d);
    const square = half * half + b * c;
    if (square < 0) return [{ re: middle, im: Math.sqrt(-square) }, { re: middle, im: -Math.sqrt(-square) }];
    const far = half + (half < 0 ? -1 : 1) * Math.sqrt(square);
    return [{ re: d + far, im: 0 }, { re: far === 0 ? d : d - (b * c) / far, im: 0 }];
  }

  // One double step on the rows and columns `first` to `last`, with the shifts of sum and product given.
  function doubleStep(rows, first, last, sum, product) {
    const [a, b, c, d] = [rows[first][first], rows[first][first + 1], rows[first + 1][first], rows[first + 1][first + 1]];
    let start = [a * a + b * c - sum * a + product, c * (a + d - sum), c * rows[first + 2][first + 1]];
    for (let k = first; k < last; k++) {
      const found = reflection(start);
      reflectRows(rows, found, k, Math.max(first, k - 1), last);
      reflectColumns(rows, found, k, first, Math.min(k + 3, last));
      start = [];
      for (let row = k + 1; row <= Math.min(k + 3, last); row++) start.push(rows[row][k]);
    }
    for (let row = first + 2; row <= last; row++) rows[row].fill(0, first, row - 1);
  }

  // A list of {re, im}, in no order. Errors are those of a change of the matrix by some 1e-15 of its size.
  explorer.eigenvalues = (matrix) => {
    const size = Math.round(Math.sqrt(matrix.length));
    const rows = Array.from({ length: size }, (_, row) => Float64Array.from(matrix.slice(row * size, (row + 1) * size)));
    // Typical size of an eigenvalue; what is smaller than rounding beside it is 0.
    const scale = Math.sqrt(matrix.reduce((sum, each) => sum + each * each, 0) / Math.max(size, 1));
    const negligible = Number.EPSILON * scale;
    toHessenberg(rows);
    const found = [];
    let last = size - 1;
    for (let tries = 0; last >= 0; tries++) {
      let first = last;
      while (first > 0 && Math.abs(rows[first][first - 1]) > negligible) first--;
      const count = last - first + 1;
      if (count <= 2) {
        if (count === 1) found.push({ re: rows[last][last], im: 0 });
        else found.push(...ofTwo(rows[first][first], rows[first][last], rows[last][first], rows[last][last]));
        last -= count;
        tries = -1;
        continue;
      }
      if (tries === MOST) throw new Error(`No eigenvalues after ${MOST} steps.`);
      const [a, b] = [rows[last - 1][last - 1], rows[last - 1][last]];
      const [c, d] = [rows[last][last - 1], rows[last][last]];
      const bent = Math.abs(c) + Math.abs(rows[last - 1][last - 2]);
      if (tries % EXCEPTIONAL === EXCEPTIONAL - 1) doubleStep(rows, first, last, 1.5 * bent, bent * bent);
      else doubleStep(rows, first, last, a + d, a * d - b * c);
    }
    return found;
  };

  // The largest real part. At rest with slope 1 a disturbance grows where it exceeds 1.
  explorer.abscissa = (eigenvalues) => eigenvalues.reduce((most, each) => Math.max(most, each.re), -Infinity);
})((globalThis.explorer ??= {}));
