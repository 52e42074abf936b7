// Images that are looked through and picked from (a sweep's, a library's): their orders, groups,
// limits, words and commands. Of a run that is judged `page.gallery` is null.
((page) => {
  page.gallery = null;
  page.noun = "case";
  page.DECIDING = { accept: ["Accept", "Accepted"], reject: ["Reject", "Rejected"], skip: ["Skip", "Skipped"] };
  page.DECIDED = { accept: "accept", reject: "reject", skip: "skip" };
  const FEWEST = 2, MOST = 60, SCORES = 4;
  const plain = (name) => name.replaceAll("_", " ");
  const facetWords = (name, value) => (value ? name === "likeness" ? `alike: ${value}` : `${plain(name)} ${value}` : `no ${plain(name)}`);

  // What is not known comes last, whichever way it is put in order.
  const byScore = (at, sign) => (a, b) => {
    const x = a.scores[at], y = b.scores[at];
    return x === null || y === null ? (x === null) - (y === null) : sign * (x - y);
  };

  page.useGallery = (gallery) => {
    page.gallery = gallery;
    if (!gallery) return;
    page.noun = gallery.noun;
    page.DECIDING = { accept: ["Pick", "Picked"], skip: ["Skip", "Skipped"] };
    page.DECIDED = { accept: "picked", skip: "skipped" };
    page.ORDERS = { first: { label: gallery.order, compare: (a, b) => a.index - b.index } };
    page.ORDERS.seed = { label: "by seed", compare: (a, b) => (a.seed < b.seed ? -1 : a.seed > b.seed ? 1 : 0) };
    gallery.scores.forEach(([name], at) => {
      page.ORDERS[`max_${name}`] = { label: `most ${plain(name)} first`, compare: byScore(at, -1) };
      page.ORDERS[`min_${name}`] = { label: `least ${plain(name)} first`, compare: byScore(at, 1) };
    });
    page.GROUPINGS = { none: "not at all" };
    page.GROUPS = { none: () => "All" };
    gallery.facets.forEach(([name, values], at) => {
      if (values.length < FEWEST) return;
      page.ORDERS[`by_${name}`] = { label: `by ${plain(name)}`, compare: (a, b) => a.facets[at] - b.facets[at] };
      page.GROUPINGS[name] = `by ${plain(name)}`;
      page.GROUPS[name] = (row) => facetWords(name, values[row.facets[at]]);
      page.defaults[`is.${name}`] = "";
    });
    Object.assign(page.defaults, { sort: "first", by: "none", limits: "", kept: "" });
  };

  // Facets that are worth a choice: [[name in the state, label, [[value, text], …]], …].
  page.facetChoices = () => page.gallery.facets.filter(([, values]) => values.length >= FEWEST && values.length <= MOST)
    .map(([name, values]) => [`is.${name}`, plain(name), [["", "all"], ...values.map((value) => [value || "-", value || "none"])]]);

  // "min_sharpness=20 max_faces=1", as --keep takes it, and back.
  page.limits = (text) => new Map(text.split(/[\s,]+/).map((each) => /^((?:min|max)_\w+)=(-?\d+(?:\.\d+)?(?:e-?\d+)?)$/.exec(each)).filter(Boolean).map(([, name, value]) => [name, Number(value)]));
  page.limitsWritten = (limits) => [...limits].map(([name, value]) => `${name}=${value}`).join(" ");

  // A test of rows for what a state asks for beside words and decisions.
  page.holding = (state) => {
    const { scores, facets } = page.gallery, limits = page.limits(state.limits), checks = [];
    scores.forEach(([name], at) => {
      const least = limits.get(`min_${name}`), most = limits.get(`max_${name}`);
      if (least !== undefined) checks.push((row) => row.scores[at] !== null && row.scores[at] >= least);
      if (most !== undefined) checks.push((row) => row.scores[at] !== null && row.scores[at] <= most);
    });
    facets.forEach(([name, values], at) => {
      const wanted = state[`is.${name}`];
      if (wanted) checks.push((row) => (values[row.facets[at]] || "-") === wanted);
    });
    if (state.kept) checks.push((row) => row.kept === (state.kept === "yes"));
    return (row) => checks.every((holds) => holds(row));
  };

  page.scoreText = ([, decimals, factor, unit], value) => {
    if (value === null || value === undefined) return "–";
    const text = (value * factor).toFixed(decimals);
    return `${decimals > 0 ? text.replace(/\.?0+$/, "") : text}${unit}`;
  };
  // The scores of a tile, the one that it is sorted by first: [[name, text], …].
  page.scoresOf = (row, most = SCORES) => {
    const by = page.state.sort.replace(/^(min|max)_/, "");
    return page.gallery.scores.map((score, at) => [score[0], plain(score[0]), page.scoreText(score, row.scores[at])])
      .sort((a, b) => (b[0] === by) - (a[0] === by)).slice(0, most).map(([, label, text]) => [label, text]);
  };

  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\"'\"'")}'`);
  // The commands on rows, as of goldenseed.reporting.gallery.Action: [[what it does, text], …].
  page.commandsFor = (rows) => page.gallery.actions.map(({ does, words, each, key, tail, apart }) => {
    const names = rows.map((row) => [each, quoted(key ? row.key : row.id)].filter(Boolean).join(" "));
    const line = (some) => [words, ...some, tail].filter(Boolean).join(" ");
    return [does, apart ? names.map((name) => line([name])).join("\n") : line(names)];
  });

  const SMALLEST = 96, LARGEST = 360;
  page.tileSize = Math.min(Math.max(Number(page.recall("tile")) || 168, SMALLEST), LARGEST);
  page.sizeControl = () => page.el("label", { class: "range" }, page.el("span", null, "Size"),
    page.el("input", { type: "range", id: "tile-size", min: SMALLEST, max: LARGEST, step: 8, value: page.tileSize, "aria-label": "Size of the tiles, in pixels",
      oninput: (event) => { page.tileSize = Number(event.currentTarget.value); page.remember("tile", page.tileSize); page.resizeGrid(); } }));

  // A least and a most of every score, between the values that there are.
  page.limitControls = () => {
    const { el } = page, limits = page.limits(page.state.limits);
    const ends = (at) => {
      const values = page.rows.map((row) => row.scores[at]).filter((value) => value !== null);
      return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
    };
    const field = (score, direction, end) => {
      const name = `${direction}_${score[0]}`, factor = score[2], given = limits.get(name);
      return el("input", { type: "number", step: "any", "data-limit": name, placeholder: page.scoreText(score, end).replace(/[^\d.-]/g, ""), value: given === undefined ? null : Number((given * factor).toPrecision(6)),
        "aria-label": `${direction === "min" ? "Least" : "Most"} ${plain(score[0])}`, oninput: (event) => {
          const now = page.limits(page.state.limits), { value } = event.currentTarget;
          if (value === "") now.delete(name); else now.set(name, Number((Number(value) / factor).toPrecision(9)));
          page.state.limits = page.limitsWritten(now);
          page.refresh();
        } });
    };
    return el("details", { class: "limits", open: limits.size > 0 }, el("summary", null, "Limits on scores"),
      el("div", null, page.gallery.scores.map((score, at) => {
        const [least, most] = ends(at);
        return el("fieldset", null, el("legend", null, `${plain(score[0])}${score[3] ? `, ${score[3].trim()}` : ""}`), field(score, "min", least), el("span", { "aria-hidden": "true" }, "…"), field(score, "max", most));
      })));
  };

  // What to do with what was picked.
  page.showActions = () => {
    const rows = page.rows.filter((row) => page.decisionOf(row)?.decision === "accept");
    const dialog = page.byId("asking");
    dialog.replaceChildren(page.el("h2", { id: "asking-title" }, `${page.count(rows.length, page.noun)} picked`),
      page.el("p", { class: "hint" }, "Run these where the project is. A reason in quotes is yours to give."),
      page.commands(page.commandsFor(rows)),
      page.el("p", { class: "buttons" }, page.el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
    dialog.showModal();
  };
})(window.goldenseed);
