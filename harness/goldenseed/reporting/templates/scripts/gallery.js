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
  const UNSAID = '"…"'; // a command with it is refused until somebody writes a reason
  const tagsIn = (text) => [...new Set((text ?? "").split(",").map((each) => each.trim()).filter(Boolean))];
  const optionsOf = ({ takes, suite }, said) => Object.entries(takes).flatMap(([what, option]) => (
    what === "tags" ? tagsIn(said.tags).map((tag) => `${option} ${quoted(tag)}`)
      : what === "rating" ? (said.rating ? [`${option} ${said.rating}`] : [])
        : what === "suite" ? [`${option} ${quoted(said.suite || suite)}`]
          : [`${option} ${said.reason ? quoted(said.reason) : UNSAID}`]));

  // The commands on rows, as of goldenseed.reporting.gallery.Action: [[what it does, text, action], …].
  // `said` has tags, rating, suite and reason; what would change nothing is left out.
  page.commandsFor = (rows, said = {}) => page.gallery.actions.flatMap((action) => {
    const { name, does, words, each, key, apart } = action, options = optionsOf(action, said);
    if (name === "tag" && options.length === 0) return [];
    const names = rows.map((row) => [each, quoted(key ? row.key : row.id)].filter(Boolean).join(" "));
    const line = (some) => [words, ...some, ...options].join(" ");
    return [[does, apart ? names.map((one) => line([one])).join("\n") : line(names), action]];
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

  // What to do with what was picked: what is said of it, and the commands that say so; where the
  // review server is there, a button does it.
  page.showActions = () => {
    const { el } = page, dialog = page.byId("asking"), said = { tags: "", rating: "", suite: "", reason: "" };
    const rows = page.rows.filter((row) => page.decisionOf(row)?.decision === "accept");
    const place = el("div", null), status = el("p", { role: "status", class: "hint" });
    const suite = page.gallery.actions.find((each) => "suite" in each.takes)?.suite ?? "";
    const field = (name, label, more) => el("label", null, el("span", null, label), el("input", { type: "text", autocomplete: "off", maxlength: 2000, ...more, oninput: (event) => { said[name] = event.currentTarget.value.trim(); draw(); } }));
    async function act(action) {
      for (const button of place.querySelectorAll("button")) button.disabled = true;
      status.textContent = action.name === "promote" ? "The model makes them again …" : "…";
      try {
        status.textContent = await page.applyTo(action, rows, { ...said, tags: tagsIn(said.tags), suite: said.suite || action.suite });
      } catch (error) {
        status.textContent = `Nothing was done: ${error.message}`;
      }
      draw();
    }
    const draw = () => place.replaceChildren(page.commands(page.commandsFor(rows, said).map(([does, text, action]) => [does, text,
      page.reviewing && el("button", { type: "button", disabled: action.name === "promote" && !said.reason, "aria-label": `Do it: ${does}`, onclick: () => act(action) }, "Do it")])) || "");
    draw();
    dialog.replaceChildren(el("h2", { id: "asking-title" }, `${page.count(rows.length, page.noun)} picked`),
      el("div", { class: "said" }, field("tags", "Tags, with commas between"),
        el("label", null, el("span", null, "Rating"), el("select", { onchange: (event) => { said.rating = event.currentTarget.value; draw(); } }, ["", 1, 2, 3, 4, 5].map((each) => el("option", { value: each }, each || "none")))),
        field("suite", "Suite file, to make them golden", { placeholder: suite }), field("reason", "Why they are golden")),
      el("p", { class: "hint" }, page.reviewing ? "Done here, or by these commands in the project’s root:" : "Run these in the project’s root:"), place, status,
      el("p", { class: "buttons" }, el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
    dialog.showModal();
  };
})(window.goldenseed);
