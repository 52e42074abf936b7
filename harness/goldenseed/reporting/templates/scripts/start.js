// Opening and closing cases, moving between them, and the first look at the address.
((page) => {
  const { el, byId } = page;
  const grid = byId("grid"), detail = byId("detail"), overview = byId("overview");
  page.state = page.read(location.hash);
  page.opened = null;
  let scrolled = 0;

  page.refresh = (quiet) => {
    const rows = page.choose(page.rows, page.state, page.decisionOf);
    page.drawGrid(page.group(rows, page.state.by));
    page.showFilters(rows.length, page.rows.length);
    if (!quiet) page.remark(page.state);
    page.showDeck();
  };
  page.redraw = () => {
    const row = document.activeElement?.closest?.("#grid") && page.focused();
    page.refresh(true);
    if (row) page.focusOn(row);
    if (page.opened) markDecided();
  };

  function markDecided() {
    const place = detail.querySelector(".decided"), found = page.decisionOf(page.opened);
    if (place) place.textContent = found ? `${page.gallery ? page.DECIDED[found.decision] : found.decision}${found.reason ? `: ${found.reason}` : ""}` : "";
  }

  const back = () => el("button", { type: "button", onclick: () => page.close() }, `← All ${page.noun}s `, el("kbd", null, "Esc"));

  // Leave the list for what is looked at.
  function leaveList(titled) {
    for (const each of [overview, grid, byId("nothing"), document.querySelector("footer"), document.querySelector(".left-out")]) if (each) each.hidden = true;
    page.leaveStage();
    detail.hidden = false;
    detail.className = titled;
    detail.setAttribute("aria-labelledby", "detail-title");
  }

  // What is compared stands in for a row while it is open.
  page.openCompared = async ({ step = true } = {}) => {
    if (!page.opened) scrolled = scrollY;
    const stand = page.opened = { compared: true, anchor: "" };
    page.state.open = "";
    page.remark(page.state, step);
    leaveList("");
    try {
      const found = await page.comparison();
      if (page.opened !== stand) return;
      if (!found) { page.close({ step: false }); return; }
      const names = found.rows.map((row) => row.whole ?? row.id).join(", ");
      detail.replaceChildren(el("nav", { class: "case-bar", "aria-label": "Compared" }, back()),
        el("header", { class: "case-head" }, el("h1", { id: "detail-title" }, found.title), el("span", { class: "place" }, names)), ...found.content);
      found.start();
    } catch (error) {
      detail.replaceChildren(el("nav", { class: "case-bar", "aria-label": "Compared" }, back()), el("p", { class: "alarm" }, error.message));
    }
    scrollTo({ top: 0, behavior: "instant" });
    detail.focus({ preventScroll: true });
  };

  function bar(row) {
    const rows = page.shownRows, place = rows.indexOf(row);
    const button = (label, key, what) => el("button", { type: "button", onclick: what }, label, " ", el("kbd", null, key));
    const act = (decision, [label]) => page.allows(row, decision) && el("button", { type: "button", onclick: () => page.ask([row], decision) }, label, el("span", { class: "unseen" }, ` ${row.whole ?? `${row.suite}::${row.id}`}`), " ", el("kbd", null, decision[0]));
    return el("nav", { class: "case-bar", "aria-label": `The ${page.noun}s` },
      back(), button("Previous", "k", () => page.move(-1)), button("Next", "j", () => page.move(1)),
      el("span", { class: "place" }, place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}`),
      el("span", { class: "acts" }, Object.entries(page.DECIDING).map(([decision, words]) => act(decision, words))));
  }

  page.open = async (row, { step = true } = {}) => {
    if (!page.opened) scrolled = scrollY;
    page.opened = row;
    Object.assign(page.state, { open: row.anchor, compare: "" });
    page.remark(page.state, step);
    leaveList(`tone-${row.verdict}`);
    detail.replaceChildren(bar(row), el("p", { role: "status" }, `${row.suite}::${row.id}: loading …`));
    try {
      const details = await page.details(row);
      if (page.opened !== row) return;
      const stage = page.makeStage(row, details, page.state.view, (view) => { page.state.view = view; page.remark(page.state); });
      detail.replaceChildren(bar(row), ...page.fullCase(row, details, stage).flat(9).filter(Boolean));
      stage.start();
      markDecided();
    } catch (error) {
      detail.replaceChildren(bar(row), el("p", { class: "alarm" }, error.message));
    }
    scrollTo({ top: 0, behavior: "instant" });
    detail.focus({ preventScroll: true });
  };

  page.close = ({ step = true } = {}) => {
    const row = page.opened;
    if (!row) return;
    page.opened = null;
    Object.assign(page.state, { open: "", compare: "" });
    page.leaveStage();
    page.clear(detail);
    detail.hidden = true;
    for (const each of [overview, grid, document.querySelector("footer"), document.querySelector(".left-out")]) if (each) each.hidden = false;
    page.remark(page.state, step);
    page.refresh(true);
    scrollTo({ top: scrolled, behavior: "instant" });
    page.focusOn(row);
  };

  const go = (row) => { if (row) { if (page.opened) page.open(row, { step: false }); else page.focusOn(row); } };
  const at = () => { const row = page.opened ?? page.focused(); return row ? page.shownRows.indexOf(row) : -1; };
  page.move = (by) => {
    if (page.opened?.compared) return;
    const inGrid = !page.opened && !document.activeElement?.closest?.("#grid");
    go(page.shownRows[inGrid ? page.focusIndex() : Math.min(Math.max(at() + by, 0), page.shownRows.length - 1)]);
  };
  page.moveGroup = (by) => {
    const groups = page.groups(), row = page.opened ?? page.focused();
    const next = groups[groups.indexOf(page.groupOf(row)) + by];
    if (next) go(next.rows[0]);
  };

  // On to the first that is not decided yet, after those that just were.
  page.afterDeciding = (rows) => {
    const before = page.shownRows, last = Math.max(...rows.map((row) => before.indexOf(row)));
    const open = (row) => !page.decisionOf(row) && row.sha && row.verdict !== "identical";
    const next = before.slice(last + 1).find(open) ?? before.find(open);
    page.redraw();
    if (page.opened && rows.includes(page.opened) && next) page.open(next, { step: false });
    else if (page.opened) markDecided();
    else page.focusOn(next ?? rows[0]);
  };

  function named(name) {
    return page.rows.find((row) => row.anchor === name) ?? page.rows.find((row) => row.slug && row.anchor.slice(row.anchor.indexOf(".") + 1) === name);
  }

  function follow() {
    page.state = page.read(location.hash);
    page.refresh(true);
    if (page.state.compare) { page.openCompared({ step: false }); return; }
    const row = page.state.open && named(page.state.open);
    if (row && row !== page.opened) page.open(row, { step: false });
    else if (!row && page.opened) page.close({ step: false });
    else if (!row && page.state.open) byId(page.state.open)?.scrollIntoView();
  }

  async function start() {
    if (!document.querySelector(".tools")) return;
    try {
      page.data = await page.load("rows");
      page.useGallery(page.data.gallery);
      page.state = page.read(location.hash);
      page.rows = page.unpack(page.data);
      await page.recallDecisions().catch((error) => console.warn(error.message));
      page.makeFilters();
      page.showSuites(byId("suites-past"), page.data.suites);
      follow();
      addEventListener("hashchange", follow);
    } catch (error) {
      grid.replaceChildren(el("p", { class: "alarm" }, error.message));
    }
    document.documentElement.dataset.ready = "true";
  }
  start();
})(window.goldenseed);
