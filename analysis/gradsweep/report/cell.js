"use strict";
// What the page tells of the cell that is chosen: charts and a table. Stands in one script with explore.js, whose numbers it draws.

function band(name, lags, transform, label, color, dash) {
  const found = lags.map((_, lag) => quantity(name, page.at, lag));
  const y = found.map((one, lag) => (Number.isFinite(one.mean) ? transform(one.mean, lags[lag]) : null));
  const line = { x: lags, y, name: label, mode: lags.length < 40 ? "lines+markers" : "lines", line: { color, dash, width: 2 }, marker: { size: 5 } };
  if (dash || replicas().length < 2) return [line];
  const edge = (key) => found.map((one, lag) => (Number.isFinite(one[key]) ? transform(one[key], lags[lag]) : null));
  return [...edges(lags, edge, color + "33"), line];
}

// The band between `edge` of low and of high.
function edges(x, edge, color) {
  const soft = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
  return [{ ...soft, y: edge("low") }, { ...soft, y: edge("high"), fill: "tonexty", fillcolor: color }];
}

function drawCell() {
  show("contribution-box", array("contribution"));
  show("spectrum-box", array("singular"));
  show("exponent-box", array("exponent"));
  const lags = page.head.lags, log = page.state.logLags && lags.length > 3 ? { type: "log", tickvals: few(lags, 8) } : {};
  const same = (value) => value, times = (value, steps) => value * steps;
  const decay = [...band("norm", lags, same, "ln‖J‖", style("--first")), ...band("bound", lags, same, "bound ℓ ln(γ‖W‖)", style("--ink"), "dash")];
  if (array("step")) decay.push(...band("step", lags, same, "Σ ln‖S‖", style("--second"), "dot"));
  if (array("eta")) decay.push(...band("eta", lags, times, "ℓ ln η", style("--third"), "dashdot"));
  draw("decay", decay, { height: 330, xaxis: { title: "lag ℓ", ...log }, yaxis: { title: "ln‖J<sub>ℓ</sub>‖", range: fitted(decay) }, showlegend: true },
       `Decay of the chosen cell: ${lags.map((lag, at) => `lag ${lag}: ${short(quantity("norm", page.at, at).mean, 3)}`).slice(0, 12).join(", ")}`);
  if (array("contribution"))
    draw("contribution", band("contribution", lags, same, "ln‖C‖", style("--second")),
         { height: 300, xaxis: { title: "lag ℓ = T − k", ...log }, yaxis: { title: "ln‖C<sub>T−ℓ</sub>‖" }, showlegend: false },
         "Contributions of earlier steps to the gradient of the chosen cell.");
  if (array("singular")) drawSpectrum();
  if (array("exponent")) drawExponents();
  document.getElementById("cell-verdicts").innerHTML = verdicts();
}

// The norms fill the chart; bounds are seen as far as they lie within twice their span.
function fitted(traces) {
  const span = (all) => all.flatMap((trace) => trace.y).filter(Number.isFinite);
  const norms = span(traces.filter((trace) => !trace.line.dash)), rest = span(traces.filter((trace) => trace.line.dash));
  const [low, high] = [Math.min(0, ...norms), Math.max(0, ...norms)], size = Math.max(high - low, 1);
  return [Math.max(Math.min(low, ...rest), low - size) - 0.06 * size, Math.min(Math.max(high, ...rest), high + size) + 0.06 * size];
}

// Up to so many of the values, evenly spread, the first and the last among them.
function few(values, most) {
  const step = Math.max(1, (values.length - 1) / (most - 1));
  return values.filter((_, at) => Math.abs(at - step * Math.round(at / step)) < 0.5);
}

function show(id, isThere) {
  document.getElementById(id).hidden = !isThere;
}

// All exponents of the cell at (i - 1/2) / d, so that sizes compare; those that are exactly 0 (-inf) are left out.
function drawExponents() {
  const size = axis("hidden_size").values[page.at.hidden_size || 0], count = Math.min(size, page.head.arrays.exponent.perCell);
  const found = [...Array(count).keys()].map((index) => quantity("exponent", page.at, index));
  const y = found.map((one) => (Number.isFinite(one.mean) ? one.mean : null)), x = y.map((_, index) => (index + 0.5) / size);
  const line = { x, y, mode: count < 20 ? "lines+markers" : "lines", line: { color: style("--first"), width: 2 }, name: "λ", hovertemplate: "λ = %{y:.4g}<extra></extra>" };
  draw("exponent", [line], { height: 300, xaxis: { title: "(i − ½) / d" }, yaxis: { title: "Lyapunov exponent λ<sub>i</sub> per step" }, showlegend: false },
       `Lyapunov exponents of the chosen cell: the largest is ${short(found[0].mean)} a step.`);
}

function drawSpectrum() {
  const lags = page.head.singular_lags, count = page.head.indices, values = array("singular"), per = lags.length * count;
  const traces = lags.map((steps, lag) => {
    const y = [...Array(count).keys()].map((index) => {
      const found = over(replicas().map((replica) => {
        const place = cell({ ...page.at, replica });
        return isDone(place) ? values[place * per + lag * count + index] : NaN;
      })).mean;
      return Number.isFinite(found) ? found / steps : null;
    });
    return { y, x: y.map((_, index) => index + 1), mode: "lines", name: `ℓ = ${steps}`,
             line: { color: mix(style("--pale"), style("--deep"), lags.length > 1 ? lag / (lags.length - 1) : 1), width: 2 } };
  });
  draw("spectrum", traces, { height: 300, xaxis: { title: "index i (those missing are exactly 0)", ...(count < 8 ? { dtick: 1 } : {}) }, yaxis: { title: "ln s<sub>i</sub> / ℓ" }, showlegend: true },
       "Singular values of the Jacobian product of the chosen cell, per step.");
}

function verdicts() {
  const lag = page.head.lags.length - 1;
  const yes = (name) => {
    const said = replicas().map((replica) => array(name)[cell({ ...page.at, replica })]).filter((value) => value < 2);
    const count = said.filter((value) => value === 1).length;
    return said.length ? (count === said.length ? "yes" : count ? `in ${count} of ${said.length} replicas` : "no") : "–";
  };
  const rows = [["status", statusWord(page.at)], [axis("spectral_radius").numeric ? "κ = ρ(W) γ" : "γ, W as it is", short(kappa(page.at))]];
  if (!quantity("norm", page.at, 0).count) return tableOf(rows);
  if (array("rate")) rows.push(["growth rate", `${short(quantity("rate", page.at, 0).mean)} a step`]);
  if (array("exponent")) rows.push(["largest Lyapunov exponent", `${short(quantity("exponent", page.at, 0).mean)} a step`]);
  if (array("half_life")) rows.push(["half-life of the gradient", quantity("half_life", page.at, 0).count ? `${short(quantity("half_life", page.at, 0).mean, 3)} steps` : "not within the longest lag"]);
  rows.push(["slack of the bound at the longest lag", short(quantity("bound", page.at, lag).mean - quantity("norm", page.at, lag).mean)]);
  if (array("sure")) rows.push(["γ‖W‖ < 1: vanishing guaranteed", yes("sure")]);
  if (array("spectral")) rows.push(["γρ(W) < 1: the linear limit vanishes", yes("spectral")]);
  const names = ["not computed", "holds", "within rounding", "violated"], counts = [0, 0, 0, 0], per = page.head.lags.length;
  for (const place of replicas().map((replica) => cell({ ...page.at, replica })).filter(isDone))
    for (let at = 0; at < per; at++) counts[array("verdict")[place * per + at]]++;
  rows.push(["bounds over the lags", names.map((name, at) => [name, counts[at]]).filter((one) => one[1]).map((one) => `${one[1]} ${one[0]}`).join(", ")]);
  return tableOf(rows);
}

function tableOf(rows) {
  return rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${value}</td></tr>`).join("");
}
