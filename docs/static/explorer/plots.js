// Drawing on canvases: axes with ticks and labels, lines, points with error bars. Coordinates are those of the data.
"use strict";

((explorer) => {
  const MARGIN = { left: 50, right: 12, top: 30, bottom: 40 };
  const FONT = "12px sans-serif";

  explorer.MARGIN = MARGIN;

  // 1, 2 or 5 times a power of ten: about `count` of them in a span.
  function tickStep(span, count) {
    const rough = span / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  }

  function ticks([low, high], count) {
    const step = tickStep(high - low, count);
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    return Array.from({ length: last - first + 1 }, (_, place) => {
      const value = (first + place) * step;
      if (Math.abs(value) < step / 2) return { value, words: "0" };
      const words = high < 1e4 ? value.toFixed(digits) : Number(value.toPrecision(3)).toExponential().replace("e+", "e");
      return { value, words: words.replace("-", "\u2212") };
    });
  }

  // Round the end of an axis up, so that it changes seldom.
  explorer.roundEnd = (value) => tickStep(value, 1);

  // A drawing of `x` and `y`, each {range: [low, high], label}; `colours` is a function of a name. With `equal` a unit is as
  // long on both axes, and `x` reaches as far as there is room.
  explorer.Plot = class {
    constructor(canvas, colour, { x, y, equal = false }) {
      const ratio = globalThis.devicePixelRatio || 1;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      const pen = canvas.getContext("2d");
      Object.assign(this, { pen, colour, x: [...x.range], y: [...y.range] });
      this.box = {
        left: MARGIN.left,
        top: MARGIN.top,
        width: Math.max(1, width - MARGIN.left - MARGIN.right),
        height: Math.max(1, height - MARGIN.top - MARGIN.bottom),
      };
      if (equal) this.#equalise();
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      pen.font = FONT;
      pen.lineJoin = "round";
      this.#axes(x.label, y.label);
    }

    // Enlarges the range that is too short for the shape of the box.
    #equalise() {
      const unit = Math.max((this.x[1] - this.x[0]) / this.box.width, (this.y[1] - this.y[0]) / this.box.height);
      for (const [range, length] of [[this.x, this.box.width], [this.y, this.box.height]]) {
        const middle = (range[0] + range[1]) / 2;
        [range[0], range[1]] = [middle - (unit * length) / 2, middle + (unit * length) / 2];
      }
    }

    across(value) {
      return this.box.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * this.box.width;
    }

    up(value) {
      return this.box.top + (1 - (value - this.y[0]) / (this.y[1] - this.y[0])) * this.box.height;
    }

    #axes(xLabel, yLabel) {
      const { pen, box } = this;
      pen.strokeStyle = this.colour("axis");
      pen.fillStyle = this.colour("text");
      pen.lineWidth = 1;
      pen.strokeRect(box.left, box.top, box.width, box.height);
      pen.textAlign = "center";
      pen.textBaseline = "top";
      for (const { value, words } of ticks(this.x, Math.max(2, box.width / 70))) {
        pen.fillText(words, this.across(value), box.top + box.height + 5);
        this.#stroke([[this.across(value), box.top + box.height], [this.across(value), box.top + box.height - 4]]);
      }
      pen.fillText(xLabel, box.left + box.width / 2, box.top + box.height + 21);
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      for (const { value, words } of ticks(this.y, Math.max(2, box.height / 45))) {
        pen.fillText(words, box.left - 5, this.up(value));
        this.#stroke([[box.left, this.up(value)], [box.left + 4, this.up(value)]]);
      }
      pen.textAlign = "left";
      pen.textBaseline = "bottom";
      pen.fillText(yLabel, 4, box.top - 11);
    }

    #stroke(points) {
      const { pen } = this;
      pen.beginPath();
      points.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.stroke();
    }

    // Whatever `draw` draws, cut off at the axes.
    #within(draw) {
      const { pen, box } = this;
      pen.save();
      pen.beginPath();
      pen.rect(box.left, box.top, box.width, box.height);
      pen.clip();
      draw(pen);
      pen.restore();
    }

    line(points, colour, { width = 1.5, dash = [] } = {}) {
      this.#within((pen) => {
        pen.strokeStyle = this.colour(colour);
        pen.lineWidth = width;
        pen.setLineDash(dash);
        this.#stroke(points.map(([x, y]) => [this.across(x), this.up(y)]));
      });
    }

    dots(points, colour, radius) {
      this.#within((pen) => {
        pen.fillStyle = this.colour(colour);
        for (const [x, y] of points) {
          pen.beginPath();
          pen.arc(this.across(x), this.up(y), radius, 0, 2 * Math.PI);
          pen.fill();
        }
      });
    }

    ring(x, y, colour) {
      this.#within((pen) => {
        pen.strokeStyle = this.colour(colour);
        pen.lineWidth = 3;
        pen.beginPath();
        pen.arc(this.across(x), this.up(y), 6, 0, 2 * Math.PI);
        pen.stroke();
      });
    }

    // A filled square with a bar of one standard error to each side.
    measured(x, y, error, colour, half = 4) {
      const [middle, height] = [this.across(x), this.up(y)];
      this.#within((pen) => {
        pen.fillStyle = pen.strokeStyle = this.colour(colour);
        pen.lineWidth = 1.5;
        pen.fillRect(middle - half, height - half, 2 * half, 2 * half);
        if (!Number.isFinite(error)) return;
        const [low, high] = [this.up(y - error), this.up(y + error)];
        this.#stroke([[middle, low], [middle, high]]);
        for (const end of [low, high]) this.#stroke([[middle - 4, end], [middle + 4, end]]);
      });
    }

    ellipse(width, height, colour) {
      this.#within((pen) => {
        pen.strokeStyle = this.colour(colour);
        pen.lineWidth = 2;
        pen.beginPath();
        const [across, up] = [this.across(width) - this.across(0), this.up(0) - this.up(height)];
        pen.ellipse(this.across(0), this.up(0), across, up, 0, 0, 2 * Math.PI);
        pen.stroke();
      });
    }

    // Words in the middle of the axes, and nothing behind them.
    note(words) {
      const { pen, box } = this;
      const width = Math.min(box.width - 8, pen.measureText(words).width + 8);
      pen.clearRect(box.left + (box.width - width) / 2, box.top + box.height / 2 - 10, width, 20);
      pen.fillStyle = this.colour("text");
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(words, box.left + box.width / 2, box.top + box.height / 2, box.width - 8);
    }
  };
})((globalThis.explorer ??= {}));
