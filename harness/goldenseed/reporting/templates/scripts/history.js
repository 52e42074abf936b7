// How a case, or a suite, went over its last runs: distances and seconds over time, drawn by uPlot.
((page) => {
  const { el } = page;
  const HEIGHT = 130, DAY = 10;
  const when = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
  const number = (value) => (typeof value === "string" ? value : value === 0 ? "0" : Math.abs(value) < 0.001 ? value.toExponential(1) : value.toPrecision(3));
  const column = (values, times) => (values.length === 1 ? times.map(() => values[0]) : values);
  const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // A line at each change point.
  const marks = (places) => (u) => {
    u.ctx.save();
    u.ctx.strokeStyle = ink("--edge");
    u.ctx.setLineDash([4, 4]);
    for (const place of places) {
      const x = Math.round(u.valToPos(u.data[0][place], "x", true));
      u.ctx.beginPath();
      u.ctx.moveTo(x, u.bbox.top);
      u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
      u.ctx.stroke();
    }
    u.ctx.restore();
  };

  // One plot; what it shows is said in words beside it. A value that never moved needs no plot.
  function plot(title, unit, times, values, places, told) {
    const known = values.filter((value) => value !== null);
    if (!known.length) return null;
    const least = Math.min(...known), most = Math.max(...known);
    if (least === most) return el("p", null, `${title}: ${number(least)} ${unit} in each of ${page.count(known.length, "run")}`);
    const words = `${title}: ${number(least)} to ${number(most)} ${unit}, last ${number(known.at(-1))}`;
    const here = el("p", { class: "hint" }, words);
    const drawn = el("div", { class: "drawn", role: "img", "aria-label": `${words}, over ${page.count(known.length, "run")} from ${when(times[0])} to ${when(times.at(-1))}` });
    const axis = { stroke: () => ink("--soft"), grid: { stroke: () => ink("--rule"), width: 1 }, ticks: { stroke: () => ink("--rule"), width: 1 } };
    const options = (width) => ({
      width, height: HEIGHT, legend: { show: false }, scales: { x: { time: true } }, cursor: { drag: { x: false, y: false }, y: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [axis, { ...axis, size: 62, values: (u, all) => all.map((value) => number(value)) }],
      series: [{}, { stroke: () => ink("--accent"), width: 1.5, points: { show: true, size: 5, fill: () => ink("--accent") } }],
      hooks: { drawAxes: [marks(places)], setCursor: [(u) => {
        const place = u.cursor.idx;
        here.textContent = place === null || place === undefined ? words : page.visible(`${when(times[place])}: ${values[place] === null ? "not measured" : `${number(values[place])} ${unit}`}${told(place)}`);
      }] },
    });
    let chart = null;
    const fit = () => {
      const width = Math.floor(drawn.clientWidth);
      if (!width) return;
      if (chart) chart.setSize({ width, height: HEIGHT });
      else chart = new uPlot(options(width), [times, values], drawn);
    };
    new ResizeObserver(fit).observe(drawn);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart?.redraw());
    return [here, drawn];
  }

  const fill = (element, parts) => element.append(...parts.flat(9).filter(Boolean));

  // points: times, verdicts, mean differences, seconds to generate, [[place, change]], stability.
  page.plotHistory = (element, [times, verdicts, differences, seconds, changes, stability]) => {
    const verdict = column(verdicts, times);
    const told = (place) => `, ${verdict[place]}`;
    const places = changes.map(([place]) => place);
    fill(element, [el("h2", null, "History ", el("small", null, `${page.count(times.length, "run")} from ${when(times[0]).slice(0, DAY)}`)),
      plot("mean difference", "levels", times, column(differences, times), places, told),
      plot("generated in", "s", times, column(seconds, times), places, told),
      changes.length > 0 && el("ul", { class: "change-points" }, changes.map(([place, text]) => el("li", null, el("time", null, when(times[place]).slice(0, DAY)), ` ${text}`))),
      el("p", null, `Stability: ${stability}`)]);
  };

  // suites: [[name, times, worst mean differences, seconds of all cases, failing cases]], drawn once they are looked at.
  page.showSuites = (fold, suites) => fold?.addEventListener("toggle", () => suites.forEach(([name, times, differences, seconds, failing]) => {
    const told = (place) => `, ${failing[place] ? `${page.count(failing[place], "case")} failing` : "all pass"}`;
    const section = el("section", { class: "history", "aria-label": `History of ${name}` });
    fill(section, [el("h3", null, el("bdi", null, name)),
      plot("worst mean difference", "levels", times, differences, [], told), plot("all cases generated in", "s", times, seconds, [], told)]);
    fold.append(section);
  }), { once: true });
})(window.goldenseed);
