// The rows of all cases: unpacked once, then filtered, sorted and grouped. No document in here.
((page) => {
  const ACCEPTABLE = 1, REJECTABLE = 2, FAILS = 4, STANDS_IN = 8;
  const WORST_FIRST = ["drift", "error", "incomparable", "rejected", "new", "warn", "match", "identical"];

  page.unpack = (data) => {
    const { columns, names, groups, gallery } = data;
    return (columns.id ?? []).map((id, index) => {
      const named = (column) => names[column][columns[column][index]];
      const flags = columns.flags[index];
      const suite = named("suite"), sha = columns.sha[index], image = columns.image[index];
      return {
        index, id, suite, path: named("path"), verdict: named("verdict"), metric: named("metric"),
        stage: named("stage"), anchor: columns.anchor[index], slug: columns.slug[index] === 1,
        group: columns.group[index], cause: groups[columns.group[index]], says: columns.says[index],
        distance: columns.distance[index], sha, width: columns.width[index],
        image: image === null ? null : image || `images/${sha}.png`, pixels: columns.pixels[index],
        acceptable: Boolean(flags & ACCEPTABLE), rejectable: Boolean(flags & REJECTABLE),
        fails: Boolean(flags & FAILS), standsIn: Boolean(flags & STANDS_IN),
        rank: WORST_FIRST.indexOf(named("verdict")), prompt: columns.prompt[index],
        name: sortable(`${suite}\n${id}`),
        ...(gallery && { label: columns.label[index], detail: columns.detail[index], whole: [columns.label[index], columns.detail[index]].filter(Boolean).join(", "), seed: columns.seed[index].padStart(20, "0"), key: columns.key[index], kept: columns.kept[index] === 1,
          tags: columns.tags[index], thumb: columns.thumb[index], scores: columns.scores[index], facets: columns.facets[index] }),
        text: `${suite}::${id} ${columns.prompt[index]} ${gallery ? columns.tags[index].join(" ") : ""}`.toLowerCase(),
      };
    });
  };

  // Names by which seed=7 stands before seed=1024.
  const sortable = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  page.ORDERS = {
    worst: { label: "worst first", compare: (a, b) => a.rank - b.rank || b.distance - a.distance },
    far: { label: "farthest first", compare: (a, b) => b.distance - a.distance },
    near: { label: "nearest first", compare: (a, b) => a.distance - b.distance },
    name: { label: "by suite and name", compare: (a, b) => compare(a.name, b.name) },
    metric: { label: "by deciding metric", compare: (a, b) => compare(a.metric, b.metric) || b.distance - a.distance },
    cause: { label: "by cause", compare: (a, b) => a.group - b.group || b.distance - a.distance },
  };

  // The rows that a state asks for, in its order.
  page.choose = (rows, state, decisionOf) => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = new Set(state.verdict), holds = page.gallery ? page.holding(state) : () => true;
    const chosen = rows.filter((row) =>
      (verdicts.size === 0 || verdicts.has(row.verdict)) &&
      (!state.suite || row.suite === state.suite) &&
      (!state.metric || row.metric === state.metric) &&
      (!state.cause || row.group === Number(state.cause) - 1) &&
      (!state.decided || (decisionOf(row)?.decision ?? "none") === state.decided) &&
      words.every((word) => row.text.includes(word)) && holds(row));
    const order = page.ORDERS[state.sort] ?? Object.values(page.ORDERS)[0];
    return state.sort === "worst" ? chosen : chosen.sort((a, b) => order.compare(a, b) || a.index - b.index);
  };

  page.GROUPS = {
    cause: (row) => row.cause,
    verdict: (row) => row.verdict,
    suite: (row) => row.suite,
    metric: (row) => row.metric || "no metric decided",
    none: () => "All cases",
  };
  page.GROUPINGS = { cause: "by cause", verdict: "by verdict", suite: "by suite", metric: "by metric", none: "not at all" };

  // [{title, rows}] in the order in which their first rows stand.
  page.group = (rows, by) => {
    const found = new Map();
    for (const row of rows) {
      const title = (page.GROUPS[by] ?? Object.values(page.GROUPS)[0])(row);
      if (!found.has(title)) found.set(title, []);
      found.get(title).push(row);
    }
    return [...found].map(([title, alike]) => ({ title, rows: alike }));
  };
})(window.goldenseed);
