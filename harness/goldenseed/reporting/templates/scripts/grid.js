// The cases as tiles in groups, of which only those in sight are in the document.
((page) => {
  const { el, byId } = page;
  const NARROWEST = 168, GAP = 12, TILE = 286, AHEAD = 500;
  const grid = byId("grid");
  let items = [], tiles = new Map(), groups = [], columns = 1, focus = 0;
  page.focused = () => items.filter((item) => item.row)[focus]?.row ?? null;
  page.shownRows = [];

  function tile(item) {
    const { row } = item;
    const image = row.image ? el("img", { alt: "", class: row.width <= 256 && "small", draggable: "false" }) : el("span", { class: "missing" }, "No image");
    if (row.image) page.show(image, row.image, row);
    const box = el("input", { type: "checkbox", "aria-label": `Select ${row.suite}::${row.id}`, onchange: () => page.toggle(row) });
    const decided = page.decisionOf(row)?.decision;
    box.checked = page.selection.has(row.index);
    return el("div", { class: `tile tone-${row.verdict}${decided ? ` is-${decided}` : ""}`, "data-index": row.index },
      el("a", { href: page.written({ ...page.state, open: row.anchor }), onfocus: () => { focus = item.place; }, onclick: (event) => { if (!event.ctrlKey && !event.metaKey) { event.preventDefault(); page.open(row); } } },
        el("span", { class: "thumb" }, image), el("span", { class: "name" }, el("span", { class: "suite" }, `${row.suite}::`), row.id),
        el("span", { class: "verdict" }, el("span", { class: "badge" }, row.verdict), decided && el("span", { class: "decision" }, ` ${decided}`), row.standsIn && el("span", { class: "note" }, " other profile")),
        el("span", { class: "says", title: row.says }, row.says), el("span", { class: "stage-of", title: row.stage }, row.stage)),
      box);
  }

  function head(item) {
    const { title, rows } = item.group;
    const act = (label, decision) => el("button", { type: "button", "aria-label": `${label} the group: ${title}`, onclick: () => page.ask(rows, decision, title) }, label);
    return el("div", { class: "group-head" }, el("h2", { title }, el("span", null, title), " ", el("small", null, page.count(rows.length, "case"))),
      el("span", { class: "acts" }, rows.some((row) => row.acceptable) && act("Accept", "accept"), rows.some((row) => row.rejectable) && act("Reject", "reject"), rows.some((row) => page.allows(row, "skip")) && act("Skip", "skip")));
  }

  // Where each heading and tile stands, in pixels from the grid's top.
  function layOut() {
    const width = grid.clientWidth;
    const HEAD = width < 560 ? 124 : 64;
    columns = Math.max(width < 560 ? 2 : 1, Math.floor((width + GAP) / (NARROWEST + GAP)));
    const across = (width - GAP * (columns - 1)) / columns;
    items = [];
    let top = 0, place = 0;
    for (const group of groups) {
      items.push({ key: `g${group.title}`, group, top, left: 0, width, height: HEAD });
      top += HEAD;
      group.rows.forEach((row, index) => {
        const column = index % columns;
        items.push({ key: `r${row.index}`, row, group, place, top: top + Math.floor(index / columns) * (TILE + GAP), left: column * (across + GAP), width: across, height: TILE });
        place += 1;
      });
      top += Math.ceil(group.rows.length / columns) * (TILE + GAP) + GAP;
    }
    grid.style.height = `${top}px`;
  }

  function firstBelow(height) {
    let low = 0, high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle].top + items[middle].height < height) low = middle + 1; else high = middle;
    }
    return low;
  }

  function paint() {
    if (grid.hidden) return;
    const top = -grid.getBoundingClientRect().top, wanted = new Map();
    const active = document.activeElement?.closest?.("#grid > div")?.dataset.key;
    for (let at = firstBelow(top - AHEAD); at < items.length && items[at].top < top + innerHeight + AHEAD; at += 1) wanted.set(items[at].key, items[at]);
    if (active && !wanted.has(active) && tiles.has(active)) {
      const item = items.find((each) => each.key === active);
      if (item) wanted.set(active, item);
    }
    for (const [key, element] of tiles) {
      if (wanted.has(key)) continue;
      element.remove();
      tiles.delete(key);
    }
    let before = grid.firstElementChild;
    for (const [key, item] of [...wanted].sort(([, a], [, b]) => a.top - b.top || a.left - b.left)) {
      let element = tiles.get(key);
      if (!element) {
        element = item.row ? tile(item) : head(item);
        element.dataset.key = key;
        tiles.set(key, element);
        grid.insertBefore(element, before);
      } else if (element !== before) grid.insertBefore(element, before);
      before = element.nextElementSibling;
      Object.assign(element.style, { top: `${item.top}px`, left: `${item.left}px`, width: `${item.width}px`, height: `${item.height}px` });
    }
  }

  // Draw other rows, or the same anew.
  page.drawGrid = (found) => {
    groups = found;
    page.shownRows = found.flatMap((group) => group.rows);
    for (const element of tiles.values()) element.remove();
    tiles = new Map();
    focus = Math.min(focus, Math.max(page.shownRows.length - 1, 0));
    layOut();
    paint();
  };
  page.groupOf = (row) => groups.find((group) => group.rows.includes(row));
  page.groups = () => groups;

  // Bring a row's tile into sight and put the focus there.
  page.focusOn = (row) => {
    const item = items.find((each) => each.row === row);
    if (!item) return;
    focus = item.place;
    const top = grid.getBoundingClientRect().top + item.top, bar = document.querySelector(".tools")?.offsetHeight ?? 0;
    if (top < bar + 70 || top + item.height > innerHeight - 80) scrollBy({ top: top - bar - 70, behavior: "instant" });
    paint();
    tiles.get(item.key)?.querySelector("a").focus({ preventScroll: true });
  };
  page.focusIndex = () => focus;

  addEventListener("scroll", paint, { passive: true });
  new ResizeObserver(() => { if (!grid.hidden && grid.clientWidth) { layOut(); paint(); } }).observe(grid);
})(window.goldenseed);
