"use strict";
(() => {
  const root = document.documentElement;
  const read = (id) => document.getElementById(id).textContent;
  const data = JSON.parse(read("data"));
  const figures = [...document.querySelectorAll("figure.chart")];
  const light = matchMedia("(prefers-color-scheme: light)");
  const printing = matchMedia("print");
  const LONG = 600; // s: from then on times are in minutes

  // --- theme ---------------------------------------------------------------------------------------

  function setTheme(name) {
    root.dataset.theme = name;
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to the ${name === "dark" ? "light" : "dark"} theme`);
    figures.forEach(draw);
  }
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
  light.addEventListener("change", () => setTheme(light.matches ? "light" : "dark"));
  printing.addEventListener("change", () => printing.matches && setTheme("light"));

  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const palette = () => color("--lines").split(/\s+/);

  // --- what each kind of chart shows -----------------------------------------------------------------

  const kinds = { time, percentiles, histogram, change, trend };

  function time(figure, choice) {
    const { start, width, count, window: judged } = data.axis;
    const panel = data.panels[figure.dataset.number];
    const shown = panel.choices[choice];
    const unit = width * count >= LONG ? { of: 60, suffix: " min" } : { of: 1, suffix: " s" };
    const x = Array.from({ length: count }, (_, i) => (start + (i + 0.5) * width) / unit.of);
    const colors = palette();
    const end = (start + width * count) / unit.of;
    const traces = shown.lines.map((line, i) => ({
      x, y: line.y, name: line.label, mode: line.y.filter((v) => v !== null).length < 3 ? "markers" : "lines",
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
    const { suffix, requests } = data.distribution;
    const colors = palette();
    const traces = Object.entries(requests[choice].percentiles).map(([name, { x, y }], i) => ({
      x, y, name, mode: "lines", line: { color: colors[i], width: 1.8, shape: "hv" },
      customdata: x.map((v) => Number((100 * (1 - 1 / v)).toPrecision(7))),
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
    const { suffix, edges, requests } = data.distribution;
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
    const { pairs, estimate, band, tolerance, about } = data.changes[figure.dataset.number];
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
    const { runs, values, outcomes, suffix, bound, about } = data.trends[figure.dataset.number];
    const x = values.map((_, i) => i + 1);
    const ends = [0.5, values.length + 0.5];
    const traces = [{
      x, y: values, name: "value", mode: "lines+markers", connectgaps: false, customdata: runs,
      line: { color: palette()[0], width: 1.6 },
      marker: { size: 8, color: outcomes.map((one) => color(one ? `--${one}` : "--dim")) },
      hovertemplate: `%{y:.4~g}${suffix}<br>%{customdata}<extra></extra>`,
    }];
    bounds(bound ? [bound] : [], traces, { from: ends[0], to: ends[1], suffix });
    const layout = {
      xaxis: { range: ends, dtick: Math.ceil(ends[1] / 16), tickprefix: "run ", showtickprefix: "first" },
      yaxis: { rangemode: "tozero", ticksuffix: suffix }, hovermode: "closest",
    };
    return { traces, layout, about };
  }

  // --- drawing ---------------------------------------------------------------------------------------

  const zoomed = { range: null };

  function draw(figure) {
    if (!window.Plotly) return;
    const select = figure.querySelector("select");
    const plot = figure.querySelector(".plot");
    const { traces, layout, about } = kinds[figure.dataset.kind](figure, select ? Number(select.value) : 0);
    const text = color("--text"), grid = color("--grid");
    const axis = { gridcolor: grid, linecolor: color("--edge"), zerolinecolor: color("--edge"), automargin: true };
    const full = {
      margin: { l: 50, r: 12, t: 18, b: 28 }, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { color: text, size: 12, family: getComputedStyle(document.body).fontFamily },
      hovermode: "x unified", dragmode: "zoom", showlegend: true,
      hoverlabel: { bgcolor: color("--raised"), bordercolor: color("--edge"), font: { color: text } },
      legend: { orientation: "h", y: -0.15, yanchor: "top", font: { size: 11 }, itemwidth: 30, traceorder: "normal" },
      ...layout,
      xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
    };
    if (figure.dataset.kind === "time" && zoomed.range) full.xaxis.range = zoomed.range;
    const title = figure.querySelector("h3").textContent;
    plot.setAttribute("aria-label", about ? `${title}: ${about}` : title);
    Plotly.react(plot, traces, full, {
      displaylogo: false, responsive: true,
      modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "pan2d"],
    });
    if (figure.dataset.kind === "time" && !plot.dataset.follows) {
      plot.dataset.follows = "yes";
      plot.on("plotly_relayout", (event) => follow(event));
    }
  }

  function zoom(range) {
    zoomed.range = range;
    for (const figure of figures.filter((one) => one.dataset.kind === "time")) draw(figure);
  }

  function follow(event) {
    const [from, to] = [event["xaxis.range[0]"], event["xaxis.range[1]"]];
    if (from !== undefined) zoom([from, to]);
    else if (event["xaxis.autorange"]) zoom(null);
  }

  async function load() {
    const packed = Uint8Array.from(atob(read("library")), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  async function main() {
    setTheme(light.matches ? "light" : "dark");
    if (figures.length) await load();
    for (const figure of figures) {
      figure.querySelector("select")?.addEventListener("change", () => draw(figure));
      draw(figure);
      await new Promise((done) => setTimeout(done)); // the page answers between two charts
    }
    for (const one of document.querySelectorAll(".buttons button")) {
      const { window: judged, width, count } = data.axis;
      const of = width * count >= LONG ? 60 : 1;
      one.addEventListener("click", () => zoom(one.dataset.zoom && judged ? judged.map((at) => at / of) : null));
      one.parentElement.hidden = !judged;
    }
    root.dataset.ready = "yes";
  }
  main();
})();
