// The keyboard: everything has a key, and the keys can be switched off (WCAG 2.1.4).
((page) => {
  const { el, byId } = page;
  let on = page.recall("keys") ?? true;

  const KEYS = [
    ["j / k", "next, previous case"], ["J / K", "next, previous group"], ["Enter", "open the case"], ["Esc", "back to all cases"],
    ["a / r / s", "accept, reject, skip: the selection, else the case"], ["A / R / S", "the same for the whole group of the case"],
    ["x", "select the case"], ["X", "select its group"], ["*", "select all that are shown"], ["c", "compare the selection"], ["u", "undo the last decision"], ["e", "export decisions.json"],
    ["1 … 6", page.VIEWS.map(([, label]) => label.toLowerCase()).join(", ")], ["Space", "swap the two images, in blink"],
    ["+ − 0", "zoom in, out, whole image"], ["Arrows", "on the images: from pixel to pixel, with Shift ten at once"], ["/", "search"], ["?", "these keys"]];

  const GALLERY_KEYS = [
    ["j / k", "next, previous image"], ["J / K", "next, previous group"], ["Enter", "open the image"], ["Esc", "back to all"],
    ["a / s", "pick, skip: the selection, else the image; once more takes it back"], ["A / S", "the same for its whole group"],
    ["x", "select the image"], ["X", "select its group"], ["*", "select all that are shown"], ["c", "compare the selection"], ["u", "undo the last mark"], ["e", "what to do with the picks"],
    ...KEYS.filter(([key]) => ["1 … 6", "Space", "+ − 0", "Arrows", "/", "?"].includes(key))];

  page.help = () => {
    const dialog = byId("help");
    const box = el("input", { type: "checkbox", onchange: () => { on = box.checked; page.remember("keys", on); } });
    box.checked = on;
    dialog.replaceChildren(el("h2", { id: "help-title" }, "Keys"),
      el("dl", { class: "keys" }, wordsOf().map(([key, what]) => el("div", null, el("dt", null, el("kbd", null, key)), el("dd", null, what)))),
      el("label", { class: "check" }, box, "Single keys do this"),
      el("p", { class: "buttons" }, el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
    dialog.showModal();
  };

  const wordsOf = () => (page.gallery ? GALLERY_KEYS : KEYS);
  const here = () => (page.opened?.compared ? null : page.opened ?? page.focused());
  const picked = () => page.rows.filter((row) => page.selection.has(row.index));
  function decide(decision) {
    if (!(decision in page.DECIDING)) return;
    const selected = picked();
    if (selected.length) page.ask(selected, decision);
    else if (here()) page.ask([here()], decision);
  }
  function decideGroup(decision) {
    const group = decision in page.DECIDING && here() && page.groupOf(here());
    if (group) page.ask(group.rows, decision, group.title);
  }
  const select = (rows) => {
    const all = rows.every((row) => page.selection.has(row.index));
    for (const row of rows) { if (all) page.selection.delete(row.index); else page.selection.add(row.index); }
    page.redraw();
  };
  page.toggle = (row) => { if (!page.selection.delete(row.index)) page.selection.add(row.index); page.showDeck(); };

  const DO = {
    j: () => page.move(1), k: () => page.move(-1), J: () => page.moveGroup(1), K: () => page.moveGroup(-1),
    o: () => { if (here()) page.open(here()); }, Escape: () => page.close(),
    a: () => decide("accept"), r: () => decide("reject"), s: () => decide("skip"),
    A: () => decideGroup("accept"), R: () => decideGroup("reject"), S: () => decideGroup("skip"),
    x: () => { if (here()) select([here()]); }, X: () => { if (here()) select(page.groupOf(here()).rows); }, "*": () => select(page.shownRows),
    c: () => page.compare(picked()), u: () => { page.undo(); page.redraw(); }, e: () => page.exportAll(),
    "+": () => page.zoomBy("closer"), "=": () => page.zoomBy("closer"), "-": () => page.zoomBy("farther"), 0: () => page.zoomBy("whole"),
    " ": () => page.swap(), "/": () => page.search(), "?": () => page.help(),
  };

  addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = target.matches?.("input:not([type=checkbox], [type=range]), select, textarea");
    if (typing) { if (event.key === "Escape") target.blur(); return; }
    if (!on && event.key !== "Escape") return;
    if (event.key === " " && (target.matches?.("button, summary, input, a") || !page.opened)) return;
    const view = page.VIEWS[Number(event.key) - 1];
    if (view && page.opened) { page.state.view = view[0]; page.remark(page.state); page.see(view[0]); return; }
    const action = DO[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
})(window.goldenseed);
