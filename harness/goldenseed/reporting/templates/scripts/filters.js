// The bar above the grid: verdicts, search, and what to show in which order.
((page) => {
  const { el, byId } = page;
  const buttons = [...document.querySelectorAll(".filter")];
  const search = byId("search");
  const selects = {};

  function choice(name, label, options) {
    const select = el("select", { id: `by-${name}`, onchange: () => { page.state[name] = select.value; page.refresh(); } },
      options.map(([value, text]) => el("option", { value }, text)));
    selects[name] = select;
    return el("label", null, el("span", null, label), select);
  }

  function galleryChoices(decided) {
    const left = page.rows.some((row) => !row.kept);
    return [choice("sort", "Order", Object.entries(page.ORDERS).map(([value, { label }]) => [value, label])),
      Object.keys(page.GROUPINGS).length > 1 && choice("by", "Group", Object.entries(page.GROUPINGS)),
      page.facetChoices().map(([name, label, values]) => choice(name, label, values)),
      left && choice("kept", "Kept", [["", "all"], ["yes", "kept"], ["no", "left out"]]),
      decided, page.sizeControl(), page.gallery.scores.length > 0 && page.limitControls()].flat().filter(Boolean);
  }

  page.makeFilters = () => {
    if (!search) return;
    const { names, groups } = page.data;
    const decided = choice("decided", page.gallery ? "Picked" : "Decided", [["", "all"], ["none", "not yet"], ...Object.entries(page.DECIDED)]);
    const some = (values, all) => [["", all], ...values.filter(Boolean).map((value) => [value, value])];
    byId("choices").append(...page.gallery ? galleryChoices(decided) : [
      choice("sort", "Order", Object.entries(page.ORDERS).map(([value, { label }]) => [value, label])),
      choice("by", "Group", Object.entries(page.GROUPINGS)),
      choice("cause", "Cause", [["", "every cause"], ...groups.map((title, place) => [String(place + 1), title])]),
      choice("suite", "Suite", some(names.suite ?? [], "every suite")),
      choice("metric", "Metric", some(names.metric ?? [], "every metric")),
      decided]);
    byId("help-button").addEventListener("click", () => page.help());
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const { verdict } = button.dataset;
        page.state.verdict = page.state.verdict.includes(verdict) ? page.state.verdict.filter((each) => each !== verdict) : [...page.state.verdict, verdict];
        page.refresh();
      });
    }
    search.addEventListener("input", () => { page.state.q = search.value; page.refresh(); });
    byId("reset").addEventListener("click", () => {
      page.reset(page.state);
      for (const field of document.querySelectorAll("[data-limit]")) field.value = "";
      page.refresh();
      search.focus();
    });
  };

  page.showFilters = (shown, total) => {
    if (!search) return;
    for (const button of buttons) button.ariaPressed = String(page.state.verdict.includes(button.dataset.verdict));
    if (search.value !== page.state.q) search.value = page.state.q;
    for (const [name, select] of Object.entries(selects)) select.value = page.state[name];
    const whole = page.count(total, page.noun);
    byId("shown").textContent = shown === total ? whole : `${shown.toLocaleString("en")} of ${whole}`;
    byId("nothing").hidden = shown > 0 || total === 0;
  };
  page.search = () => { search?.focus(); search?.select(); };

  const environment = byId("environment-search");
  environment?.addEventListener("input", () => {
    const wanted = environment.value.toLowerCase();
    for (const row of document.querySelectorAll("#environment tbody tr")) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
})(window.goldenseed);
