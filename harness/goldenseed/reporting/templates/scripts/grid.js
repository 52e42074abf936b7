// The cases as tiles in groups, of which only those in sight are in the document.
((page) => {
  const { el, byId } = page;
  const NARROWEST = 168, GAP = 12, JUDGED = 286, SMALL = 150, PADDING = 8, LINE = 17, AHEAD = 500;
  const grid = byId("grid");
  let items = [], tiles = new Map(), groups = [], columns = 1, focus = 0;
  page.focused = () => items.filter((item) => item.row)[focus]?.row ?? null;
  page.shownRows = [];

  function tile(item) {
    const { row } = item, gallery = page.gallery !== null;
    const image = row.image ? el("img", { alt: "", class: row.width <= 256 && "small", draggable: "false" }) : el("span", { class: "missing" }, "No image");
    if (row.image) page.show(image, (!page.single && row.thumb) || row.image, row);
    const box = el("input", { type: "checkbox", "aria-label": `Select ${row.whole ?? `${row.suite}::${row.id}`}`, onchange: () => page.toggle(row) });
    const decided = page.decisionOf(row)?.decision;
    box.checked = page.selection.has(row.index);
    const thumb = el("span", { class: "thumb" }, image);
    if (gallery) thumb.style.height = `${item.thumb}px`;
    const told = gallery ? [el("span", { class: "name" }, row.label, (decided || !row.kept) && " ", decided && el("span", { class: "decision" }, page.DECIDED[decided]), !row.kept && el("span", { class: "note" }, "left out")),
      item.tagged && el("span", { class: "score tags" }, row.tags.join(", ")),
      item.detailed && el("span", { class: "score", title: row.detail }, row.detail),
      page.scoresOf(row, item.lines).map(([label, text]) => el("span", { class: "score" }, el("span", null, label), " ", text))]
      : [el("span", { class: "name" }, el("span", { class: "suite" }, `${row.suite}::`), row.id),
        el("span", { class: "verdict" }, el("span", { class: "badge" }, row.verdict), decided && el("span", { class: "decision" }, ` ${decided}`), row.standsIn && el("span", { class: "note" }, " other profile")),
        el("span", { class: "says", title: row.says }, row.says), el("span", { class: "stage-of", title: row.stage }, row.stage)];
    return el("div", { class: `tile ${gallery ? `plain${row.kept ? "" : " is-left-out"}` : `tone-${row.verdict}`}${decided ? ` is-${decided}` : ""}`, "data-index": row.index },
      el("a", { href: page.written({ ...page.state, open: row.anchor }), onfocus: () => { focus = item.place; }, onclick: (event) => { if (!event.ctrlKey && !event.metaKey) { event.preventDefault(); page.open(row); } } },
        thumb, told),
      box);
  }

  function head(item) {
    const { title, rows } = item.group;
    const act = (label, decision) => el("button", { type: "button", "aria-label": `${label} the group: ${title}`, onclick: () => page.ask(rows, decision, title) }, label);
    return el("div", { class: "group-head" }, el("h2", { title }, el("span", null, title), " ", el("small", null, page.count(rows.length, page.noun))),
      el("span", { class: "acts" }, Object.keys(page.DECIDING).filter((decision) => rows.some((row) => page.allows(row, decision))).map((decision) => act(page.DECIDING[decision][0], decision))));
  }

  // Where each heading and tile stands, in pixels from the grid's top.
  function layOut() {
    const width = grid.clientWidth;
    const HEAD = width < 560 ? 124 : 64;
    const gallery = page.gallery !== null, narrowest = gallery ? page.tileSize : NARROWEST;
    columns = Math.max(width < 560 && !gallery ? 2 : 1, Math.floor((width + GAP) / (narrowest + GAP)));
    const across = (width - GAP * (columns - 1)) / columns;
    // A small tile has its picture, its name and the score that it is sorted by; a large one has several.
    const tagged = gallery && groups.some((group) => group.rows.some((row) => row.tags.length > 0));
    const detailed = gallery && groups.some((group) => group.rows.some((row) => row.detail));
    const lines = gallery ? Math.min(page.gallery.scores.length, across < SMALL ? 1 : 4) : 0, thumb = Math.round(across - 2 * PADDING);
    const TILE = gallery ? thumb + 3 * PADDING + LINE * (lines + detailed + tagged + 1) : JUDGED;
    items = [];
    let top = 0, place = 0;
    for (const group of groups) {
      items.push({ key: `g${group.title}`, group, top, left: 0, width, height: HEAD });
      top += HEAD;
      group.rows.forEach((row, index) => {
        const column = index % columns;
        items.push({ key: `r${row.index}`, row, group, place, top: top + Math.floor(index / columns) * (TILE + GAP), left: column * (across + GAP), width: across, height: TILE, thumb, lines, detailed, tagged });
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
  // Other sizes of the same: the first tile in sight stays there.
  page.resizeGrid = () => {
    const first = items[firstBelow(-grid.getBoundingClientRect().top)], row = first?.row;
    for (const element of tiles.values()) element.remove();
    tiles = new Map();
    layOut();
    const again = row && items.find((each) => each.row === row);
    if (again && grid.getBoundingClientRect().top < 0) scrollBy({ top: grid.getBoundingClientRect().top + again.top, behavior: "instant" });
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
