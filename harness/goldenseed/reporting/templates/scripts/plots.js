// Plots as SVG: the distance at each stage with the limits drawn in, and histograms.
((page) => {
  const WIDTH = 640, HEIGHT = 150, LEFT = 40, BOTTOM = 8, LOWEST = -9, HIGHEST = 0.3;

  // What is no finite number comes as a word, and lies as far off as anything can.
  const height = (value) => {
    const power = typeof value === "string" ? HIGHEST : value > 0 ? Math.log10(value) : LOWEST;
    const share = (Math.min(Math.max(power, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST);
    return HEIGHT - BOTTOM - share * (HEIGHT - 2 * BOTTOM);
  };
  const shown = (value) => (typeof value === "string" ? value : value ? value.toExponential(1) : "identical");

  // points: [[stage, relative distance]]; limits: [[place among the points, limit]].
  page.plotCurve = (points, limits, label) => {
    if (points.length < 2) return null;
    const step = (WIDTH - LEFT - 10) / (points.length - 1);
    const across = (place) => LEFT + place * step;
    const drawn = page.svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "curve" });
    for (const power of [-8, -6, -4, -2, 0]) {
      const y = height(10 ** power);
      drawn.append(page.svg("line", { x1: LEFT, x2: WIDTH, y1: y, y2: y }),
        page.svg("text", { x: LEFT - 5, y: y + 3 }, `1e${power}`));
    }
    for (const [place, limit] of limits) {
      const y = height(limit);
      drawn.append(page.svg("line", { class: "limit", x1: across(place) - Math.max(step / 2, 6), x2: across(place) + Math.max(step / 2, 6), y1: y, y2: y },
        page.svg("title", null, `rounding may reach ${shown(limit)} at ${points[place][0]}`)));
    }
    drawn.append(page.svg("polyline", { points: points.map(([, value], place) => `${across(place)},${height(value)}`).join(" ") }));
    points.forEach(([stage, value], place) => drawn.append(
      page.svg("circle", { cx: across(place), cy: height(value), r: 3 }, page.svg("title", null, `${stage}: ${shown(value)}`))));
    const numbers = page.el("details", null, page.el("summary", null, "The numbers"), page.el("table", null,
      page.el("thead", null, page.el("tr", null, ["Stage", "Distance", "Rounding may reach"].map((t) => page.el("th", { scope: "col" }, t)))),
      page.el("tbody", null, points.map(([stage, value], place) => page.el("tr", null,
        page.el("th", { scope: "row" }, stage), page.el("td", null, shown(value)),
        page.el("td", null, limits.filter(([at]) => at === place).map(([, limit]) => shown(limit))))))));
    return page.el("div", null, drawn,
      limits.length > 0 && page.el("p", { class: "legend" }, page.el("span", { class: "dash", "aria-hidden": "true" }), "what rounding may reach there"),
      numbers);
  };

  // Counts of both images' levels (0 … 255), baseline outlined and current filled.
  page.plotLevels = (baseline, current) => {
    const top = Math.max(...baseline, ...current) || 1;
    const line = (counts) => counts.map((count, level) => `${level * 2.5},${100 - (96 * Math.sqrt(count / top))}`).join(" ");
    return page.svg("svg", { viewBox: "0 0 640 102", role: "img", class: "levels", "aria-label": "Histogram of the levels of both images, roots of the counts" },
      page.svg("polygon", { points: `0,100 ${line(current)} 637.5,100` }),
      page.svg("polyline", { points: line(baseline) }));
  };

  // How many samples differ by how many levels.
  page.tableOfDifferences = (counts, total) => {
    const bins = [[0, 0], [1, 1], [2, 3], [4, 7], [8, 15], [16, 31], [32, 63], [64, 127], [128, 255]];
    return page.el("table", { class: "differences" },
      page.el("caption", null, "How many pixels differ by how many levels, in the channel that differs most"),
      page.el("tbody", null, bins.map(([from, to]) => {
        const sum = counts.slice(from, to + 1).reduce((a, b) => a + b, 0);
        return page.el("tr", null, page.el("th", { scope: "row" }, from === to ? `${from}` : `${from} – ${to}`),
          page.el("td", { class: "n" }, sum.toLocaleString("en")),
          page.el("td", { class: "n" }, `${(100 * sum / total).toFixed(2)} %`));
      })));
  };
})(window.goldenseed);
