"use strict";
// The explorable part of the report: a plane of cells at a lag, and what is known of the cell that is chosen. The page's data is
// one compressed block of numbers (explore.py), drawn with Plotly, which stands in the page too: nothing is loaded from anywhere.
// What it tells of the cell that is chosen is in cell.js.

const page = {};
const MOST_MARKERS = 150; // of a line

async function unpack(id) {
  const text = atob(document.getElementById(id).textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

// ---- numbers ----

function array(name) {
  const found = page.head.arrays[name];
  if (!found) return null;
  if (!found.values) {
    const type = found.type === "f4" ? Float32Array : Uint8Array;
    found.values = new type(page.block, found.offset, found.count);
  }
  return found.values;
}

const axis = (name) => page.head.axes.find((one) => one.name === name);
const length = (name) => (axis(name) ? axis(name).values.length : 1);

// The place of a cell in the arrays; `at` has a position for each axis.
function cell(at) {
  return page.head.axes.reduce((place, one) => place * one.values.length + (at[one.name] || 0), 0);
}

function replicas() {
  const count = length("replica");
  if (count === 1) return [0];
  return page.state.replica === "mean" ? [...Array(count).keys()] : [Number(page.state.replica)];
}

// Mean over the replicas that are finite numbers, the range, how many are exactly zero (-inf) and how many there are.
function over(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  const finite = known.filter(Number.isFinite);
  const zeros = known.length - finite.length;
  if (!finite.length) return { mean: known.length ? -Infinity : NaN, low: NaN, high: NaN, zeros, count: known.length };
  const mean = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  return { mean, low: Math.min(...finite), high: Math.max(...finite), zeros, count: known.length };
}

const isDone = (place) => array("status")[place] === 1;

// A quantity of a cell at a lag, over the replicas in view.
function quantity(name, at, lag) {
  const values = array(name), perCell = page.head.arrays[name].perCell;
  return over(replicas().map((replica) => {
    const place = cell({ ...at, replica });
    return isDone(place) ? values[place * perCell + (perCell > 1 ? lag : 0)] : NaN;
  }));
}

function rate(at, lag) {
  const found = quantity("norm", at, lag), steps = page.head.lags[lag];
  for (const key of ["mean", "low", "high"]) found[key] /= steps;
  return found;
}

const kappa = (at) => page.head.kappa[at.spectral_radius * length("gamma") + at.gamma];

function short(value, digits = 4) {
  if (Number.isNaN(value) || value === undefined || value === null) return "–";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  return String(Number(value.toPrecision(digits))).replace("-", "−");
}

// ---- looks ----

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

function mix(one, other, share) {
  const parts = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const [a, b] = [parts(one), parts(other)];
  return `rgb(${a.map((value, at) => Math.round(value + (b[at] - value) * share)).join(",")})`;
}

// Blue vanishes, red explodes; the colour goes with the square root of the rate, each sign with a scale of its own.
function scale(low, high) {
  const stops = [];
  for (let step = -10; step <= 10; step++) {
    const t = step / 10, value = Math.sign(t) * t * t * (t < 0 ? low : high);
    const end = style(t < 0 ? "--vanish" : "--explode");
    stops.push([(value + low) / (low + high), mix(style("--middle"), end, Math.abs(t))]);
  }
  stops[0][0] = 0;
  stops[stops.length - 1][0] = 1;
  return stops;
}

function layout(more) {
  const line = style("--line"), ink = style("--ink");
  const one = (options) => ({ gridcolor: line, zerolinecolor: style("--soft"), linecolor: line, automargin: true, ...options });
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 12, family: "inherit" },
    margin: { l: 54, r: 12, t: 12, b: 44 }, hoverlabel: { align: "left" }, legend: { orientation: "h", y: 1.02, yanchor: "bottom" },
    ...more, xaxis: one(more.xaxis), yaxis: one(more.yaxis),
  };
}

const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false };

function draw(id, traces, shape, alt) {
  const box = document.getElementById(id);
  Plotly.react(box, traces, layout(shape), CONFIG);
  box.setAttribute("aria-label", alt);
}

// ---- the plane ----

// The lowest and highest rate at a lag over all networks, so that colours compare.
function extremes(lag) {
  page.ranges = page.ranges || {};
  if (!page.ranges[lag]) {
    const norms = array("norm"), per = page.head.lags.length;
    let low = 0, high = 0;
    for (let place = 0; place * per < norms.length; place++) {
      const value = norms[place * per + lag] / page.head.lags[lag];
      if (isDone(place) && Number.isFinite(value)) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    page.ranges[lag] = [Math.max(-low, 0.05 * high, 1e-6), Math.max(high, -0.05 * low, 1e-6)];
  }
  return page.ranges[lag];
}

function words(at, lag) {
  const found = rate(at, lag), bound = quantity("bound", at, lag).mean, steps = page.head.lags[lag];
  const place = page.plane.map((name) => `${axis(name).short} ${short(axis(name).values[at[name]])}`).join(", ");
  const lines = [`${place}${page.plane.includes("gamma") ? ` (κ ${short(kappa(at))})` : ""}`];
  if (!found.count) return [...lines, statusWord(at)].join("<br>");
  lines.push(`ln‖J‖/ℓ ${short(found.mean)}${found.count > 1 ? ` (${short(found.low, 3)} … ${short(found.high, 3)})` : ""}`);
  lines.push(`ln‖J‖ ${short(found.mean * steps)}, bound ${short(bound)}`);
  if (found.zeros) lines.push(`exactly zero in ${found.zeros} of ${found.count}`);
  return lines.join("<br>");
}

function statusWord(at) {
  const states = replicas().map((replica) => array("status")[cell({ ...at, replica })]);
  const counts = ["pending", "done", "failed"].map((word, value) => [word, states.filter((one) => one === value).length]).filter(([, count]) => count);
  return counts.length === 1 ? counts[0][0] : counts.map(([word, count]) => `${count} of ${states.length} replicas ${word}`).join(", ");
}

function explain(isPlane) {
  const way = isPlane ? "Blue vanishes, red explodes." : "Below 0 vanishes, above explodes.";
  const bars = length("replica") > 1 ? ` Means of the replicas; ${isPlane ? "bands" : "bars or bands"} are their range.` : "";
  document.getElementById("explore-way").textContent = way + bars;
}

function drawPlane() {
  if (!page.plane.length) return;
  explain(page.state.view !== "kappa" && page.plane.length > 1);
  const lag = page.state.lag, [x, y] = page.plane;
  const steps = page.head.lags[lag], title = `ln‖J<sub>${steps}</sub>‖ / ${steps}`;
  document.getElementById("lag-value").textContent = steps;
  if (page.state.view === "kappa" || !y) return drawLine(lag, title);
  const xs = axis(x).values, ys = axis(y).values, z = [], text = [];
  ys.forEach((_, j) => {
    z.push(xs.map((__, i) => { const value = rate({ ...page.at, [x]: i, [y]: j }, lag).mean; return Number.isNaN(value) ? null : value; }));
    text.push(xs.map((__, i) => words({ ...page.at, [x]: i, [y]: j }, lag)));
  });
  const [low, high] = extremes(lag);
  const shown = z.map((row) => row.map((value) => (value === -Infinity ? -low : value)));
  const bar = { title: { text: title, side: "right" }, thickness: 12, outlinewidth: 0, len: 0.95 };
  const traces = [{ type: "heatmap", x: xs, y: ys, z: shown, text, hoverinfo: "text", zmin: -low, zmax: high,
                    colorscale: scale(low, high), colorbar: bar, xgap: 1, ygap: 1 }];
  if (x === "spectral_radius" && y === "gamma") traces.push(...curves(xs, ys, lag));
  traces.push({ x: [xs[page.at[x]]], y: [ys[page.at[y]]], mode: "markers", hoverinfo: "skip", showlegend: false,
                marker: { symbol: "square-open", size: 16, color: style("--ink"), line: { width: 3 } } });
  const absent = z.flat().some((value) => value !== null) ? [] : [statusWord(page.at)];
  const annotations = absent.map((text) => ({ text, xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, font: { size: 16 } }));
  draw("plane", traces, { height: 420, xaxis: { title: axis(x).label, range: range(xs) }, yaxis: { title: axis(y).label, range: range(ys) },
                          showlegend: true, annotations },
       `Heat map of the growth per step over ${axis(x).label} and ${axis(y).label} at lag ${steps}, ${network()}. ${sentence(z, xs, ys)}`);
}

// From the outer edge of the first cell to that of the last.
function range(values) {
  const half = (at) => (values.length > 1 ? (values[at + 1] - values[at]) / 2 : 0.5), last = values.length - 1;
  return [values[0] - half(0), values[last] + half(last - 1)];
}

function network() {
  return page.head.axes.filter((one) => !page.plane.includes(one.name) && one.name !== "replica" && one.values.length > 1)
    .map((one) => `${one.label} ${one.values[page.at[one.name]]}`).join(", ") || page.head.title;
}

function sentence(z) {
  const values = z.flat().filter((value) => value !== null);
  const growing = values.filter((value) => value > 1e-9).length;
  return `${growing} of ${values.length} finished cells explode, ${values.length - growing} vanish or stay.`;
}

// Rate 0 through kappa, on which alone it depends; and the two conditions.
function curves(xs, ys, lag) {
  const groups = new Map();
  xs.forEach((_, i) => ys.forEach((__, j) => {
    const at = { ...page.at, spectral_radius: i, gamma: j }, value = rate(at, lag).mean, key = kappa(at).toPrecision(12);
    if (!Number.isNaN(value)) groups.set(key, [...(groups.get(key) || []), Math.max(value, -1e3)]);
  }));
  const points = [...groups].map(([key, values]) => [Number(key), values.reduce((a, b) => a + b) / values.length]).sort((a, b) => a[0] - b[0]);
  const found = [];
  for (let at = 1; at < points.length; at++) {
    const [[k0, r0], [k1, r1]] = [points[at - 1], points[at]];
    if ((r0 > 1e-9) !== (r1 > 1e-9)) found.push(k0 + ((k1 - k0) * r0) / (r0 - r1));
  }
  const [left, right] = range(xs), from = Math.max(left, right / 100);
  const fine = [...Array(101).keys()].map((step) => from + ((right - from) * step) / 100);
  const curve = (product, name, dash, width) => ({ x: fine, y: fine.map((x) => product / x), mode: "lines", name, hoverinfo: "skip",
                                                   line: { color: style("--ink"), dash, width } });
  const lines = found.slice(0, 3).map((product, at) => ({ ...curve(product, `ln‖J<sub>${page.head.lags[lag]}</sub>‖ = 0`, "solid", 2.5), showlegend: at === 0 }));
  lines.push(curve(1, "γρ(W) = 1", "dash", 1.5));
  const ratios = replicas().map((replica) => weight("norm", replica) / weight("radius", replica)).filter(Number.isFinite);
  if (ratios.length) lines.push(curve(ratios.length / ratios.reduce((a, b) => a + b), "γ‖W‖ = 1", "dot", 2));
  return lines;
}

function weight(name, replica) {
  const values = array("weight_" + name);
  if (!values) return NaN;
  const place = (page.at.ensemble * length("hidden_size") + page.at.hidden_size) * length("replica") + replica;
  return values[place];
}

// What the lines of a network are of: hidden sizes or, of one size, the strength of the drive or bias that has several values.
function linesOf(x) {
  const several = ["hidden_size", "input_scale", "bias_scale"].filter((name) => name !== x && length(name) > 1);
  return several[0] || "hidden_size";
}

// Against kappa (or the one axis with several values): a line a hidden size or strength, bars the range of the replicas.
function drawLine(lag, title) {
  const [x, y] = page.plane, both = x === "spectral_radius" && y === "gamma", of = linesOf(x), compared = axis(of).values;
  const isScaled = axis("spectral_radius").numeric; // else W is as drawn, and gamma alone is the coupling
  const label = both || (isScaled && ["gamma", "spectral_radius"].includes(x)) ? "κ = ρ(W) γ" : axis(x).label;
  const places = [], traces = compared.flatMap((size, at) => {
    const points = [], known = new Map();
    for (let i = 0; i < length(x); i++)
      for (const j of both ? [...Array(length(y)).keys()] : [y ? page.at[y] : 0]) {
        const place = { ...page.at, [x]: i, ...(y ? { [y]: j } : {}), [of]: at }, found = rate(place, lag);
        const k = label === "κ = ρ(W) γ" ? kappa(place) : axis(x).values[i], same = known.get(k.toPrecision(12));
        if (same && same.count >= found.count) continue; // all cells of one coupling are one chain
        const point = { k, i, j, place, ...found };
        if (same) points[points.indexOf(same)] = point;
        else points.push(point);
        known.set(k.toPrecision(12), point);
      }
    points.sort((a, b) => a.k - b.k);
    places.push(...points.map((p) => p.k));
    const isFine = points.length > MOST_MARKERS; // drawing so many marks takes longer than a step of the slider should
    const shade = mix(style("--pale"), style("--deep"), compared.length > 1 ? at / (compared.length - 1) : 1);
    const finite = (value) => (Number.isFinite(value) ? value : null);
    const line = { x: points.map((p) => p.k), y: points.map((p) => finite(p.mean)), text: points.map((p) => `${axis(of).short} ${size}, ${words(p.place, lag)}`),
                   hoverinfo: "text", customdata: points.map((p) => [{ [x]: p.i, ...(y ? { [y]: p.j } : {}), [of]: at }]), mode: isFine ? "lines" : "lines+markers", name: `${axis(of).short} = ${size}`,
                   line: { color: shade, width: 2 }, marker: { symbol: at, size: 7 } };
    if (isFine) return replicas().length > 1 ? [...edges(line.x, (key) => points.map((p) => finite(p[key])), shade.replace(")", ",0.2)")), line] : [line];
    const error = { type: "data", symmetric: false, array: points.map((p) => (finite(p.high) ?? 0) - (finite(p.mean) ?? 0)),
                    arrayminus: points.map((p) => (finite(p.mean) ?? 0) - (finite(p.low) ?? 0)), width: 2, thickness: 1 };
    return [{ ...line, error_y: error }];
  });
  const chosen = rate(page.at, lag).mean, k = label === "κ = ρ(W) γ" ? kappa(page.at) : axis(x).values[page.at[x]];
  if (Number.isFinite(chosen))
    traces.push({ x: [k], y: [chosen], mode: "markers", hoverinfo: "skip", showlegend: false,
                  marker: { symbol: "square-open", size: 15, color: style("--ink"), line: { width: 3 } } });
  const isWide = Math.min(...places) > 0 && Math.max(...places) >= 20 * Math.min(...places);
  draw("plane", traces, { height: 420, xaxis: { title: label, type: isWide ? "log" : "linear" }, yaxis: { title }, showlegend: true },
       `Growth per step against ${label} at lag ${page.head.lags[lag]}, ${network()}, a line a ${axis(of).label}.`);
}

// ---- what the reader does ----

function update(what) {
  const place = page.plane.map((name) => `${axis(name).short} = ${short(axis(name).values[page.at[name]])}`).join(", ");
  document.getElementById("cell-title").textContent = `${network()}${place ? `; ${place}` : ""}`;
  if (what !== "cell-only") drawPlane();
  drawCell();
}

// Once a frame: while the slider is dragged, steps that nobody would see are left out.
function soon(act) {
  page.waiting = page.waiting || requestAnimationFrame(() => {
    page.waiting = 0;
    act();
  });
}

// Positions on some axes; selectors of those say so.
function choose(at) {
  Object.assign(page.at, at);
  for (const name of Object.keys(at)) {
    const box = document.getElementById(`choose-${name}`);
    if (box) box.value = at[name];
  }
  update();
}

function control(name, label, options, act, chosen) {
  const box = document.createElement("label"), select = document.createElement("select");
  select.id = `choose-${name}`;
  for (const [value, text] of options) select.add(new Option(text, value, false, value === chosen));
  select.addEventListener("change", () => act(select.value));
  box.append(label, select);
  document.getElementById("controls").append(box);
}

function makeControls() {
  const planes = [["kappa", "κ = ρ(W) γ"]];
  if (page.plane.length === 2) planes.unshift(["plane", page.plane.map((name) => axis(name).short).join(" × ")]);
  for (const one of page.head.axes)
    if (one.numeric && one.values.length > 1 && !["hidden_size", "replica", ...page.plane].includes(one.name) && length("spectral_radius") > 1)
      planes.push([one.name, `ρ × ${one.short}`]);
  for (const one of page.head.axes) {
    if (["spectral_radius", "gamma"].includes(one.name) || one.values.length < 2) continue;
    if (one.name === "replica") {
      const options = [["mean", "mean"], ...one.values.map((value, at) => [String(at), `replica ${value}`])];
      control("replica", "replica", options, (value) => { page.state.replica = value; update(); }, "mean");
    } else
      control(one.name, one.label, one.values.map((value, at) => [String(at), String(value)]),
              (value) => { page.at[one.name] = Number(value); update(); }, String(page.at[one.name]));
  }
  if (planes.length > 1 && page.plane.length)
    control("view", "axes", planes, (value) => {
      page.state.view = value === "kappa" ? "kappa" : "plane";
      page.plane = ["kappa", "plane"].includes(value) ? page.first : ["spectral_radius", value];
      update();
    }, planes[0][0]);
  const slider = document.getElementById("lag");
  slider.max = page.head.lags.length - 1;
  slider.value = page.state.lag;
  slider.addEventListener("input", () => {
    page.state.lag = Number(slider.value);
    slider.setAttribute("aria-valuetext", `lag ${page.head.lags[page.state.lag]}`);
    document.getElementById("lag-value").textContent = page.head.lags[page.state.lag];
    soon(drawPlane);
  });
  document.getElementById("csv").addEventListener("click", saveTable);
}

// The network in view, as a table: a row a cell, replica and lag.
function table() {
  const names = page.head.axes.map((one) => one.name);
  const columns = ["norm", "bound", "step", "eta", "contribution"].filter((name) => array(name));
  const rows = [[...names, "coupling", "lag", ...columns.map((name) => page.head.arrays[name].dataset)].join(",")];
  const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  for (let i = 0; i < length("spectral_radius"); i++)
    for (let j = 0; j < length("gamma"); j++)
      for (const replica of replicas()) {
        const at = { ...page.at, spectral_radius: i, gamma: j, replica }, place = cell(at);
        if (!isDone(place)) continue;
        const start = [...page.head.axes.map((one) => quoted(one.values[at[one.name] || 0])), kappa(at)];
        page.head.lags.forEach((lag, step) => rows.push([...start, lag, ...columns.map((name) => array(name)[place * page.head.lags.length + step])].join(",")));
      }
  return rows.join("\n") + "\n";
}

function saveTable() {
  const link = document.getElementById("csv");
  if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
}

function listen() {
  const box = document.getElementById("plane");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => update());
  if (!page.plane.length) return;
  box.on("plotly_click", (event) => {
    const point = event.points[0];
    if (point.customdata) return choose(point.customdata[0]);
    const [x, y] = page.plane;
    const near = (name, value) => axis(name).values.reduce((best, one, at, all) => (Math.abs(one - value) < Math.abs(all[best] - value) ? at : best), 0);
    choose({ [x]: near(x, point.x), [y]: near(y, point.y) });
  });
  box.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }, move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const [x, y] = page.plane, inside = (name, by) => Math.min(Math.max((page.at[name] || 0) + by, 0), length(name) - 1);
    choose({ ...(x ? { [x]: inside(x, move[0]) } : {}), ...(y ? { [y]: inside(y, move[1]) } : {}) });
  });
}

async function start() {
  try {
    page.head = JSON.parse(document.getElementById("explore-head").textContent);
    const [program, block] = await Promise.all([unpack("plotly"), unpack("explore-block")]);
    page.block = block;
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(program);
    document.head.append(script);
  } catch (error) {
    document.getElementById("explore").classList.add("absent");
    document.getElementById("explore-note").textContent =
      `This browser cannot unpack the page's data (${error}); the figures below show the same. Browsers since 2023 can.`;
    return;
  }
  page.at = { ...page.head.start };
  page.first = page.plane = page.head.plane;
  page.state = { lag: page.head.lags.length - 1, replica: "mean", view: "plane", logLags: page.head.log_lags };
  for (const id of ["plane", "lag-box", "explore-note"]) show(id, page.plane.length > 0);
  makeControls();
  update();
  listen();
  document.getElementById("explore").dataset.ready = "yes";
}

start();
