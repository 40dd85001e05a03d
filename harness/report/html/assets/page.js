"use strict";
(() => {
  const root = document.documentElement;
  const read = (id) => document.getElementById(id).textContent;
  let parsed = null;
  const content = () => (parsed ??= JSON.parse(read("data")));
  const figures = [...document.querySelectorAll("figure.chart")];
  const light = matchMedia("(prefers-color-scheme: light)");
  const printing = matchMedia("print");
  const LONG = 600; // s: from then on times are in minutes
  const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
  const BAR = 30; // px above a chart, for its tool bar

  // --- theme ---------------------------------------------------------------------------------------

  function setTheme(name) {
    root.dataset.theme = name;
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${name === "dark" ? "light" : "dark"} theme`);
    drawn.forEach(draw);
  }
  const drawn = new Set();
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  light.addEventListener("change", () => setTheme(light.matches ? "light" : "dark"));
  let onScreen = null; // the theme before printing
  printing.addEventListener("change", () => (printing.matches ? drawForPrinter() : drawForScreen()));
  addEventListener("beforeprint", drawForPrinter);
  addEventListener("afterprint", drawForScreen);

  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const palette = () => color("--lines").split(/\s+/);

  // --- what each kind of chart shows -----------------------------------------------------------------

  const kinds = { time, percentiles, histogram, change, trend, knee, capacity };

  function time(figure, choice) {
    const { start, width, count, window: judged } = content().axis;
    const panel = content().panels[figure.dataset.number];
    const shown = panel.choices[choice];
    const unit = width * count >= LONG ? { of: 60, suffix: " min" } : { of: 1, suffix: " s" };
    const x = Array.from({ length: count }, (_, i) => (start + (i + 0.5) * width) / unit.of);
    const colors = palette();
    const end = (start + width * count) / unit.of;
    const alone = ({ y }) => y.some((v, i) => v !== null && (y[i - 1] ?? y[i + 1] ?? null) === null);
    const traces = shown.lines.map((line, i) => ({
      x, y: line.y, name: line.label, mode: alone(line) ? "lines+markers" : "lines", marker: { size: 4 },
      visible: line.hidden ? "legendonly" : true, connectgaps: false,
      line: { color: colors[i % colors.length], width: 1.6 },
      hovertemplate: `%{y:.4~g}${panel.suffix}`,
    }));
    const shapes = [], annotations = [];
    const shade = (from, to, name) => shapes.push({
      type: "rect", xref: "x", yref: "paper", x0: from, x1: to, y0: 0, y1: 1,
      fillcolor: color(name), line: { width: 0 }, layer: "below",
    });
    if (judged) {
      shade(start / unit.of, judged[0] / unit.of, "--warm-up");
      shade(judged[0] / unit.of, judged[1] / unit.of, "--window");
      if (judged[0] > start) annotations.push(note(start / unit.of, "warm-up", "--dim"));
    }
    bounds(shown.bounds, traces, { from: start / unit.of, to: end, suffix: panel.suffix });
    const layout = {
      xaxis: { range: [start / unit.of, end], ticksuffix: unit.suffix, hoverformat: ".4~g" },
      yaxis: { rangemode: "tozero", ticksuffix: panel.suffix },
      shapes, annotations,
    };
    return { traces, layout, about: shown.about };
  }

  function note(x, text, name) {
    return {
      x, y: 1, xref: "x", yref: "paper", xanchor: "left", yanchor: "bottom", showarrow: false, text,
      font: { color: color(name), size: 11 },
    };
  }

  // A bound far above the lines would flatten them: it is drawn when the reader asks for it.
  function bounds(found, traces, { from, to, suffix }) {
    for (const bound of found) {
      traces.push({
        x: [from, to], y: [bound.y, bound.y], name: bound.label, mode: "lines",
        visible: bound.near ? true : "legendonly", hoverinfo: "skip",
        line: { color: color("--fail"), width: 1.4, dash: "dash" },
      });
    }
  }

  function percentiles(figure, choice) {
    const { suffix, places, requests } = content().distribution;
    const colors = palette();
    const shares = places.map((place) => Number((100 * (1 - 1 / place)).toPrecision(7)));
    const traces = Object.entries(requests[choice].percentiles).map(([name, y], i) => ({
      x: places.slice(0, y.length), y, name, mode: "lines", line: { color: colors[i], width: 1.8, shape: "hv" },
      customdata: shares,
      hovertemplate: `%{y:.4~g}${suffix} at %{customdata}%`,
    }));
    const ticks = [1, 2, 4, 10, 100, 1e3, 1e4, 1e5, 1e6];
    const layout = {
      xaxis: {
        type: "log", tickvals: ticks,
        ticktext: ["0%", "50%", "75%", "90%", "99%", "99.9%", "99.99%", "99.999%", "99.9999%"],
      },
      yaxis: { rangemode: "tozero", ticksuffix: suffix }, hovermode: "closest",
    };
    return { traces, layout, about: "latency by percentile of the requests" };
  }

  function histogram(figure, choice) {
    const { suffix, edges, requests } = content().distribution;
    const names = { succeeded: "--pass", failed: "--fail" };
    const traces = Object.entries(requests[choice].histogram)
      .filter(([, counts]) => counts.some((count) => count))
      .map(([name, counts]) => ({
        x: edges, y: [...counts, counts[counts.length - 1]], name, mode: "lines", fill: "tozeroy",
        line: { color: color(names[name]), width: 1.2, shape: "hv" },
        hovertemplate: `%{y} from %{x:.3~g}${suffix}`,
      }));
    const layout = {
      xaxis: { type: "log", ticksuffix: suffix, dtick: "D2", tickformat: "~g" },
      yaxis: { rangemode: "tozero", title: { text: "requests", font: { size: 11 } } }, hovermode: "closest",
    };
    return { traces, layout, about: "requests by latency" };
  }

  function change(figure) {
    const { pairs, estimate, band, tolerance, about } = content().changes[figure.dataset.number];
    const [first, second] = palette();
    const line = (x, y, name, width, rest) => ({
      x, y, name, mode: x.length > 1 ? "lines" : "markers", line: { color: first, width },
      marker: { color: first }, hovertemplate: "%{y:+.3~g}%", ...rest,
    });
    const traces = [
      line(band.x, band.upper, "upper", 0.8, { showlegend: false }),
      line(band.x, band.lower, "interval", 0.8, { fill: "tonexty" }),
      line(estimate.x, estimate.y, "estimate", 2),
      {
        x: pairs.x, y: pairs.y, name: "pair", mode: "markers", marker: { color: second, size: 7 },
        hovertemplate: "%{y:+.3~g}%",
      },
    ];
    const ends = [0.5, Math.max(...pairs.x, 1) + 0.5];
    bounds([{ label: "tolerated", y: tolerance, near: true }], traces, { from: ends[0], to: ends[1], suffix: "%" });
    const layout = {
      xaxis: { range: ends, dtick: Math.ceil(ends[1] / 16), tickprefix: "pair ", showtickprefix: "first" },
      yaxis: { ticksuffix: "%", title: { text: "regression", font: { size: 11 } }, zerolinewidth: 2 },
    };
    return { traces, layout, about };
  }

  function trend(figure) {
    const { runs, values, outcomes, changes, suffix, bound, about } = content().trends[figure.dataset.number];
    const x = values.map((_, i) => i + 1);
    const ends = [0.5, values.length + 0.5];
    const traces = [{
      x, y: values, name: "value", mode: "lines+markers", connectgaps: false, customdata: runs,
      line: { color: palette()[0], width: 1.6 },
      marker: { size: 8, color: outcomes.map((one) => color(one ? `--${one}` : "--dim")) },
      hovertemplate: `%{y:.4~g}${suffix}<br>%{customdata}<extra></extra>`,
    }];
    if (changes.length) {
      const at = changes.flatMap(({ run }) => [run + 0.5, run + 0.5, null]);
      traces.push({
        x: at, y: changes.flatMap(({ levels }) => [...levels, null]), name: "change", mode: "lines",
        customdata: changes.flatMap((one) => [one.about, one.about, null]),
        line: { color: color("--text"), width: 3 },
        hovertemplate: "%{customdata}<extra></extra>",
      });
    }
    bounds(bound ? [bound] : [], traces, { from: ends[0], to: ends[1], suffix });
    const layout = {
      xaxis: { range: ends, dtick: Math.ceil(ends[1] / 16), tickprefix: "run ", showtickprefix: "first" },
      yaxis: { rangemode: "tozero", ticksuffix: suffix }, hovermode: "closest",
    };
    return { traces, layout, about };
  }

  // A value by the rate of the steps; the band is the interval of the capacity.
  function knee(figure) {
    const { rates, values, lower, upper, results, outcomes, suffix, log: steep, bound, capacity, about } =
      content().knees[figure.dataset.number];
    const [first, last] = [rates[0], rates[rates.length - 1]];
    const room = first < last ? 0.04 * (Math.log10(last / first)) : 0.1;
    const ends = [Math.log10(first) - room, Math.log10(last) + room];
    const wide = (ends_of) => values.map((value, i) => (value === null || ends_of[i] === null ? 0 : Math.abs(ends_of[i] - value)));
    const traces = [{
      x: rates, y: values, name: "step", mode: "markers", customdata: results,
      marker: {
        size: 9, color: outcomes.map((one) => color(`--${one}`)),
        symbol: outcomes.map((one) => ({ pass: "circle", fail: "x", warn: "triangle-up", inconclusive: "diamond" })[one]),
      },
      error_y: { type: "data", symmetric: false, array: wide(upper), arrayminus: wide(lower), thickness: 1, width: 3, color: color("--dim") },
      hovertemplate: `%{x:.4~g}/s: %{y:.4~g}${suffix}, %{customdata}<extra></extra>`,
    }];
    const [low, high] = capacity;
    const shapes = low === null && high === null ? [] : [{
      type: "rect", xref: "x", yref: "paper", x0: low ?? 10 ** ends[0], x1: high ?? 10 ** ends[1], y0: 0, y1: 1,
      fillcolor: color("--window"), line: { width: 0 }, layer: "below",
    }];
    bounds(bound ? [bound] : [], traces, { from: 10 ** ends[0], to: 10 ** ends[1], suffix });
    const layout = {
      xaxis: { type: "log", range: ends, ticksuffix: "/s", dtick: "D2", tickformat: "~g" },
      yaxis: steep ? { type: "log", dtick: 1, ticksuffix: suffix, tickformat: "~g" } : { rangemode: "tozero", ticksuffix: suffix },
      hovermode: "closest", shapes,
    };
    return { traces, layout, about };
  }

  // The interval of the capacity by search; a missing end is a triangle that points there.
  function capacity(figure) {
    const { searches, lower, upper, texts, outcomes, about } = content().capacities[figure.dataset.number];
    const x = searches.map((_, i) => i + 1);
    const ends = [0.5, searches.length + 0.5];
    const colors = outcomes.map((one) => color(`--${one}`));
    const traces = [{
      x, y: x.map((_, i) => lower[i] ?? upper[i]), name: "capacity", mode: "markers",
      customdata: x.map((_, i) => `${texts[i]}<br>${searches[i]}`),
      marker: {
        size: 9, color: colors,
        symbol: x.map((_, i) => (lower[i] === null ? "triangle-down" : upper[i] === null ? "triangle-up" : "line-ew-open")),
        line: { width: 2, color: colors },
      },
      error_y: {
        type: "data", symmetric: false, thickness: 3, width: 6, color: palette()[0],
        array: x.map((_, i) => (lower[i] === null || upper[i] === null ? 0 : upper[i] - lower[i])), arrayminus: x.map(() => 0),
      },
      hovertemplate: "%{customdata}<extra></extra>",
    }];
    const layout = {
      xaxis: { range: ends, dtick: Math.ceil(ends[1] / 16), tickprefix: "search ", showtickprefix: "first" },
      yaxis: { rangemode: "tozero", ticksuffix: "/s" }, hovermode: "closest", showlegend: false,
    };
    return { traces, layout, about };
  }

  // --- drawing: a chart is drawn when it comes near the window ----------------------------------------

  const zoomed = { range: null };

  function draw(figure) {
    if (!window.Plotly) return;
    const select = figure.querySelector("select");
    const plot = figure.querySelector(".plot");
    const { traces, layout, about } = kinds[figure.dataset.kind](figure, select ? Number(select.value) : 0);
    if (!drawn.has(figure)) plot.replaceChildren(); // its text, for readers without the chart
    drawn.add(figure);
    const text = color("--text"), grid = color("--grid");
    const axis = { gridcolor: grid, linecolor: color("--edge"), zerolinecolor: color("--edge"), automargin: true };
    const full = {
      margin: { l: 50, r: 12, t: BAR, b: 28 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { color: text, size: 12, family: getComputedStyle(document.body).fontFamily },
      hovermode: "x unified", dragmode: "zoom", showlegend: true,
      hoverlabel: { bgcolor: color("--raised"), bordercolor: color("--edge"), font: { color: text } },
      legend: { orientation: "h", y: -0.15, yanchor: "top", font: { size: 11 }, itemwidth: 30, traceorder: "normal" },
      modebar: { bgcolor: "transparent", color: color("--dim"), activecolor: text },
      ...layout,
      xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
    };
    if (figure.dataset.kind === "time" && zoomed.range) full.xaxis.range = zoomed.range;
    const title = figure.querySelector("h3").textContent;
    plot.setAttribute("aria-label", about ? `${title}: ${about}` : title);
    Plotly.react(plot, traces, full, {
      displaylogo: false, responsive: true, showSendToCloud: false, // no data leaves the page
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "pan2d"],
    });
    if (figure.dataset.kind === "time" && !plot.dataset.follows) {
      plot.dataset.follows = "yes";
      plot.on("plotly_relayout", (event) => follow(event));
    }
  }

  function zoom(range) {
    zoomed.range = range;
    for (const figure of drawn) if (figure.dataset.kind === "time") draw(figure);
  }

  function follow(event) {
    const [from, to] = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (from !== undefined) zoom([from, to]);
    else if (event["xaxis.autorange"]) zoom(null);
  }

  // All charts at once: the browser prints what is drawn when this event ends.
  function drawForPrinter() {
    onScreen ??= root.dataset.theme;
    setTheme("light");
    figures.filter((one) => !drawn.has(one)).forEach(draw);
  }

  function drawForScreen() {
    if (onScreen === "dark") setTheme("dark");
    onScreen = null;
  }

  // The length, a colon, and base 85 as in Python's b85encode: five characters for four bytes.
  function bytes(packed) {
    const start = packed.indexOf(":") + 1;
    const length = Number(packed.slice(0, start - 1));
    const values = new Uint8Array(128);
    [...DIGITS].forEach((digit, value) => { values[digit.charCodeAt(0)] = value; });
    const view = new DataView(new ArrayBuffer(Math.ceil(length / 4) * 4));
    for (let i = start, at = 0; at < view.byteLength; at += 4) {
      let word = 0;
      for (const end = i + 5; i < end; i += 1) word = word * 85 + values[packed.charCodeAt(i)];
      view.setUint32(at, word);
    }
    return new Uint8Array(view.buffer, 0, length);
  }

  async function load() {
    const stream = new Blob([bytes(read("library"))]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    if (!window.Plotly) throw new Error("the charting library did not start"); // the texts stay
  }

  const pause = () => new Promise((done) => setTimeout(done));
  const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

  function inWindow(figure) {
    const { top, bottom } = figure.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  // Charts in the window first, then the ones near it; the page answers between two charts.
  async function drawNear(near) {
    for (;;) {
      const waiting = [...near].filter((one) => !drawn.has(one));
      if (!waiting.length) return;
      draw(waiting.find(inWindow) ?? waiting[0]);
      await pause();
    }
  }

  // `ready` is set when all charts near the window are drawn.
  function drawOnDemand() {
    const near = new Set();
    let drawing = load();
    const views = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) near.add(target);
        else near.delete(target);
      }
      drawing = drawing.then(() => drawNear(near)).then(() => { root.dataset.ready = "yes"; });
    }, { rootMargin: "60% 0px" });
    for (const figure of figures) {
      figure.querySelector("select")?.addEventListener("change", () => draw(figure));
      views.observe(figure);
    }
  }

  async function main() {
    setTheme(root.dataset.theme);
    await painted(); // the text of the page first
    for (const one of document.querySelectorAll(".buttons button")) {
      const { window: judged, width, count } = content().axis;
      const of = width * count >= LONG ? 60 : 1;
      one.addEventListener("click", () => zoom(one.dataset.zoom && judged ? judged.map((at) => at / of) : null));
      one.parentElement.hidden = !judged;
    }
    if (figures.length) drawOnDemand();
    else root.dataset.ready = "yes";
  }
  main();
})();
