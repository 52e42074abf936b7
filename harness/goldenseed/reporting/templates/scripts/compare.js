// Two or more chosen images beside each other: the same views as of a case, for any two of them.
((page) => {
  const { el } = page;
  const MOST = 12;

  const titled = (row) => row.whole ?? `${row.suite}::${row.id}`;
  const chosen = (anchors) => anchors.split(",").map((anchor) => page.rows.find((row) => row.anchor === anchor)).filter((row) => row?.image);

  // What was compared stands in the address, so that it can be passed on.
  page.compare = (rows) => {
    const some = rows.filter((row) => row.image).slice(0, MOST);
    if (some.length < 2) { page.say("Select two or more images to compare them."); return; }
    page.state.compare = some.map((row) => row.anchor).join(",");
    page.openCompared();
  };

  async function sideOf(row) {
    const details = await page.details(row), picture = details.current ?? details.baseline;
    return { ...picture, row, details, caption: titled(row) };
  }

  function table(sides) {
    const scores = page.gallery?.scores ?? [];
    const recipes = sides.map(({ details }) => new Map(details.recipe[1])), fields = new Set(recipes.flatMap((each) => [...each.keys()]));
    const rows = [...scores.map((score, at) => [score[0].replaceAll("_", " "), sides.map(({ row }) => page.scoreText(score, row.scores[at]))]),
      ...[...fields].map((field) => [field, recipes.map((each) => each.get(field) ?? "–")]).filter(([, values]) => new Set(values).size > 1)];
    return el("div", { class: "sheet", tabindex: 0, role: "region", "aria-label": "What differs" }, el("table", { class: "compared" },
      el("thead", null, el("tr", null, el("th", { scope: "col" }, "Differs in"), sides.map(({ row, caption }) => el("th", { scope: "col" }, el("a", { href: page.written({ ...page.state, compare: "", open: row.anchor }) }, caption))))),
      el("tbody", null, rows.map(([name, values]) => el("tr", null, el("th", { scope: "row" }, name), values.map((value) => el("td", null, value)))))));
  }

  // {title, element, start} of what the state asks to compare, or null.
  page.comparison = async () => {
    const rows = chosen(page.state.compare);
    if (rows.length < 2) return null;
    const sides = await Promise.all(rows.map(sideOf));
    const details = { sides, baseline: sides[0], current: sides[1] };
    let stage = null;
    const place = el("div", null);
    const show = (start) => {
      page.leaveStage();
      stage = page.makeStage(rows[0], details, page.state.view, (view) => { page.state.view = view; page.remark(page.state); });
      place.replaceChildren(stage.element);
      if (start) stage.start();
    };
    const pick = (side, label) => el("label", null, el("span", null, label), el("select", { onchange: (event) => { details[side] = sides[Number(event.currentTarget.value)]; show(true); } },
      sides.map((each, at) => el("option", { value: at, selected: each === details[side] }, each.caption))));
    show(false);
    return { title: `${rows.length} ${page.noun}s compared`, start: () => stage.start(), rows,
      content: [sides.length > 2 && el("div", { class: "choices" }, el("span", { class: "hint" }, "All stand side by side; of two:"), pick("baseline", "one"), pick("current", "other")), place, table(sides)].filter(Boolean) };
  };
})(window.goldenseed);
