// The controls of the page, its clock, and its words.
"use strict";

((explorer) => {
  const root = document.getElementById("explorer");
  const form = root.querySelector("form");
  const status = root.querySelector('[role="status"]');
  const canvases = Object.fromEntries([...root.querySelectorAll("canvas")].map((each) => [each.dataset.plot, each]));
  const NAMES = ["gain", "symmetry", "noise", "field", "size", "activation", "seed"];
  const DEFAULTS = Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value]));
  const STEPS_A_FRAME = 4;
  const STEPS_AT_REST = Math.round(100 / explorer.STEP); // what a paused page computes of a new network
  const MEASURES_EVERY = 15; // frames between readings of the averages

  let run = null;
  let running = !globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches;
  let frames = 0;
  let waiting = false;
  let notice = ""; // what copying led to, until the next change

  // --- parameters: the controls hold them, and the address carries them

  function parameters() {
    const values = Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value]));
    return Object.fromEntries(NAMES.map((name) => [name, name === "activation" ? values[name] : Number(values[name])]));
  }

  // What is missing or is no such value becomes the default; sliders round what they are given, and cut it to their range.
  function readAddress() {
    const given = new URLSearchParams(globalThis.location.hash.slice(1));
    for (const name of NAMES) {
      const control = form.elements[name];
      const value = given.get(name);
      const number = value !== null && value.trim() !== "" && Number.isFinite(Number(value));
      control.value = value !== null && (name === "activation" || number) ? value : DEFAULTS[name];
      if (name === "activation" && control.selectedIndex < 0) control.value = DEFAULTS[name];
    }
    checkSeed();
  }

  // A whole number of 32 bits.
  function checkSeed() {
    const { seed } = form.elements;
    seed.value = String(Math.abs(Math.trunc(Number(seed.value) || 0)) % 2 ** 32);
  }

  function writeAddress() {
    globalThis.history.replaceState(null, "", `#${new URLSearchParams(NAMES.map((name) => [name, form.elements[name].value]))}`);
  }

  // --- drawing

  const colour = (name) => {
    const style = getComputedStyle(root);
    if (name === "text") return style.color;
    return style.getPropertyValue(name === "axis" ? "--color-foreground-muted" : `--explorer-${name}`);
  };

  // Colours are looked up once a drawing.
  function palette() {
    const known = new Map();
    return (name) => known.get(name) ?? known.set(name, colour(name)).get(name);
  }

  function drawMoving() {
    explorer.drawTrajectories(canvases.trajectories, palette(), run);
  }

  function drawMeasured() {
    for (const name of ["fluctuation", "response"]) explorer.drawTheory(canvases[name], palette(), run, name);
    describe();
  }

  function drawAll() {
    drawMoving();
    explorer.drawEigenvalues(canvases.eigenvalues, palette(), run);
    drawMeasured();
  }

  // --- words

  // As many decimals as the error has, with two digits of its own: 0.4171 ± 0.0059; at most six.
  function both(found) {
    if (!found) return null;
    const { value, error } = found;
    const digits = error < 1e-6 ? 6 : Math.min(6, Math.max(2, 1 - Math.floor(Math.log10(error))));
    const words = error < 1e-6 ? "< 0.000001" : error.toFixed(digits);
    return `${value.toFixed(digits).replace("-", "\u2212")} \u00b1 ${words}`;
  }

  function describe() {
    const theory = explorer.theoryOf(run.parameters);
    const cells = (row) => root.querySelectorAll(`tr[data-row="${row}"] td`);
    ["fluctuation", "response"].forEach((name, column) => {
      cells("network")[column].textContent = both(run[name]) ?? missing(name);
      for (const kind of ["stationary", "static"]) {
        const found = theory[kind] && explorer.theoryAt(theory[kind], name, run.parameters.gain);
        cells(kind)[column].textContent = both(found) ?? "not in the table";
      }
    });
    const words = `${statusWords()} ${notice}`.trim();
    if (status.textContent !== words) status.textContent = words;
  }

  function missing(name) {
    if (run.diverged) return "none: the states grew without bound";
    if (name === "response" && run.parameters.symmetry !== 0) return "none: only at rest, or without symmetry";
    return `from t = ${explorer.BURN_IN + 2} on`;
  }

  function statusWords() {
    const { noise, field } = run.parameters;
    const abscissa = explorer.abscissa(run.eigenvalues);
    if (run.diverged) {
      const when = `until t = ${run.time.toFixed(0)}, and the run has stopped`;
      return `The states grew without bound ${when}: this rate is not bounded, and the gain is too large.`;
    }
    if (field !== 0) return "The network has an input, and no state of rest at 0.";
    if (!run.odd) return "ReLU has no slope at 0: the dashed line says nothing about it.";
    const largest = `The largest real part of an eigenvalue is ${abscissa.toFixed(3).replace("-", "\u2212")}`;
    if (abscissa < 1) return `${largest}, below 1: ${noise > 0 ? "without the noise " : ""}the network comes to rest.`;
    return `${largest}, above 1: rest is unstable, and ${run.bounded ? "the network leaves it" : "the states grow without bound"}.`;
  }

  function showControls() {
    for (const name of ["gain", "symmetry", "noise", "field", "size"]) {
      const control = form.elements[name];
      const digits = control.step === "1" ? 0 : control.step.split(".")[1].length;
      const words = Number(control.value).toFixed(digits).replace("-", "\u2212");
      control.closest("label").querySelector(".value").textContent = words;
    }
    form.elements.run.textContent = running ? "Pause" : "Run";
    root.querySelector("details pre").textContent = explorer.python(parameters());
  }

  // --- the clock

  function begin() {
    waiting = false;
    run = new explorer.Run(parameters());
    if (!running) run.advance(STEPS_AT_REST);
    drawAll();
  }

  // However fast a slider moves, one new network a frame.
  function restart() {
    notice = "";
    showControls();
    if (waiting) return;
    waiting = true;
    globalThis.requestAnimationFrame(begin);
  }

  function tick() {
    globalThis.requestAnimationFrame(tick);
    if (!running || waiting || run.diverged) return;
    run.advance(STEPS_A_FRAME);
    frames += 1;
    drawMoving();
    if (frames % MEASURES_EVERY === 0 || run.diverged) drawMeasured();
  }

  async function copy() {
    const code = explorer.python(parameters());
    try {
      await globalThis.navigator.clipboard.writeText(code);
      notice = "Copied.";
    } catch {
      root.querySelector("details").open = true;
      notice = "The browser does not let this page copy; the program stands below the table.";
    }
    describe();
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => event.target.name !== "seed" && restart());
  form.addEventListener("change", () => {
    checkSeed();
    writeAddress();
    restart();
  });
  form.elements.draw.addEventListener("click", () => {
    form.elements.seed.value = (Number(form.elements.seed.value) + 1) % 2 ** 32;
    writeAddress();
    restart();
  });
  form.elements.run.addEventListener("click", () => {
    running = !running;
    showControls();
  });
  form.elements.forward.addEventListener("click", () => {
    run.advance(Math.round(10 / explorer.STEP));
    drawMoving();
    drawMeasured();
  });
  form.elements.copy.addEventListener("click", copy);
  globalThis.addEventListener("hashchange", () => {
    readAddress();
    restart();
  });
  new ResizeObserver(() => run && drawAll()).observe(root);
  new MutationObserver(() => drawAll()).observe(document.body, { attributeFilter: ["data-theme"] });
  globalThis.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

  readAddress();
  showControls();
  begin();
  globalThis.requestAnimationFrame(tick);
})((globalThis.explorer ??= {}));
