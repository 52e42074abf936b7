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
    if (place) place.textContent = found ? `${found.decision}${found.reason ? `: ${found.reason}` : ""}` : "";
  }

  function bar(row) {
    const rows = page.shownRows, place = rows.indexOf(row);
    const button = (label, key, what) => el("button", { type: "button", onclick: what }, label, " ", el("kbd", null, key));
    const act = (label, decision, key) => page.allows(row, decision) && el("button", { type: "button", onclick: () => page.ask([row], decision) }, label, el("span", { class: "unseen" }, ` ${row.suite}::${row.id}`), " ", el("kbd", null, key));
    return el("nav", { class: "case-bar", "aria-label": "Cases" },
      button("← All cases", "Esc", () => page.close()), button("Previous", "k", () => page.move(-1)), button("Next", "j", () => page.move(1)),
      el("span", { class: "place" }, place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${rows.length.toLocaleString("en")}`),
      el("span", { class: "acts" }, act("Accept", "accept", "a"), act("Reject", "reject", "r"), act("Skip", "skip", "s")));
  }

  page.open = async (row, { step = true } = {}) => {
    if (!page.opened) scrolled = scrollY;
    page.opened = row;
    page.state.open = row.anchor;
    page.remark(page.state, step);
    for (const each of [overview, grid, byId("nothing"), document.querySelector("footer"), document.querySelector(".left-out")]) if (each) each.hidden = true;
    page.leaveStage();
    detail.hidden = false;
    detail.className = `tone-${row.verdict}`;
    detail.setAttribute("aria-labelledby", "detail-title");
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
    page.state.open = "";
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
    const row = page.state.open && named(page.state.open);
    if (row && row !== page.opened) page.open(row, { step: false });
    else if (!row && page.opened) page.close({ step: false });
    else if (!row && page.state.open) byId(page.state.open)?.scrollIntoView();
  }

  async function start() {
    if (!document.querySelector(".tools")) return;
    try {
      page.data = await page.load("rows");
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
