// Deciding: one reason for a case, a group or a selection; and the bar that counts what was decided.
((page) => {
  const { el, byId } = page;
  const verb = (decision) => page.DECIDING[decision][0], done = (decision) => page.DECIDING[decision][1];
  const reasons = [];
  page.selection = new Set();

  const named = (rows) => (rows.length === 1 ? rows[0].id : page.count(rows.length, page.noun));

  // Ask for the reason, then decide; what cannot be so decided is left out, and that is said.
  page.ask = (rows, decision, what) => {
    const able = rows.filter((row) => page.allows(row, decision)), left = rows.length - able.length;
    if (able.length === 0) {
      page.say(page.gallery ? "Nothing here is an image." : decision === "accept" ? "Nothing here can be accepted: identical, failed and rejected images are not." : `Nothing here can be ${decision === "skip" ? "skipped" : "rejected"}.`);
      return;
    }
    if (page.gallery && able.every((row) => page.decisionOf(row)?.decision === decision)) {
      page.unmark(able);
      page.say(`No longer ${page.DECIDED[decision]}: ${named(able)}`);
      page.redraw();
      return;
    }
    if (decision === "skip" || page.gallery) { finish(able, decision, ""); return; }
    const dialog = byId("asking");
    const reason = el("input", { type: "text", id: "reason", autocomplete: "off", spellcheck: "true", list: "reasons", required: true, maxlength: 2000 });
    const form = el("form", { method: "dialog", onsubmit: (event) => {
      event.preventDefault();
      if (!reason.value.trim()) return;
      dialog.close(); // first: while it is open nothing else takes the focus, as the next case has to
      finish(able, decision, reason.value.trim());
    } },
      el("h2", { id: "asking-title" }, `${verb(decision)} ${named(able)}`),
      what && el("p", null, what),
      left > 0 && el("p", { class: "hint" }, `${page.count(left, "other case")} cannot be so decided and ${left === 1 ? "is" : "are"} left out.`),
      el("label", { for: "reason" }, "Reason"), reason,
      el("datalist", { id: "reasons" }, reasons.map((text) => el("option", { value: text }))),
      el("p", { class: "buttons" }, el("button", { type: "submit", class: `do-${decision}` }, verb(decision)),
        el("button", { type: "button", onclick: () => dialog.close() }, "Cancel")));
    dialog.replaceChildren(form);
    dialog.showModal();
    reason.focus();
  };

  async function finish(rows, decision, reason) {
    if (reason && !reasons.includes(reason)) reasons.unshift(reason);
    page.selection.clear();
    page.say(`${verb(decision)}: ${named(rows)}${page.marksOnly() ? "" : " …"}`);
    try {
      const refused = await page.record(rows, decision, reason);
      page.say(refused.length ? `Refused: ${refused.join("; ")}` : `${page.reviewing || page.gallery ? done(decision) : verb(decision)}: ${named(rows)}`);
    } catch (error) {
      page.say(`Nothing was decided: ${error.message}`);
    }
    page.afterDeciding(rows);
  }

  let said = null;
  page.say = (text) => {
    said = text;
    page.showDeck();
  };

  const count = (decision) => [...page.decided().values()].filter((each) => each.decision === decision).length;

  // The bar at the bottom: what is selected, what was decided, and what to do with it.
  page.showDeck = () => {
    const deck = byId("deck"), selected = page.rows.filter((row) => page.selection.has(row.index));
    const total = page.decided().size;
    deck.hidden = total === 0 && selected.length === 0 && !said;
    if (deck.hidden) return;
    const button = (label, what) => el("button", { type: "button", onclick: what }, label);
    const status = deck.querySelector("[role=status]") ?? el("p", { role: "status" });
    status.textContent = said ?? "";
    deck.replaceChildren(status,
      selected.length > 0 && el("span", { class: "acts" }, el("b", null, `${selected.length.toLocaleString("en")} selected`),
        Object.keys(page.DECIDING).map((decision) => button(verb(decision), () => page.ask(selected, decision))),
        selected.length > 1 && button("Compare", () => page.compare(selected)),
        button("Clear", () => { page.selection.clear(); page.redraw(); })) || "",
      total > 0 && el("span", { class: "acts" },
        el("b", null, Object.keys(page.DECIDING).filter(count).map((decision) => `${count(decision).toLocaleString("en")} ${page.DECIDED[decision]}`).join(", ")),
        page.marksOnly() && button("Undo", () => { page.undo(); said = null; page.redraw(); }),
        page.gallery ? count("accept") > 0 && button("What to do with the picks", page.showActions) : button("Export decisions.json", exported)) || "",
      total > 0 && !page.reviewing && !page.gallery && el("code", null, page.data.command) || "");
  };

  function exported() {
    page.export();
    page.say(`Exported ${page.count(page.decided().size, "decision")}. Apply them in the project's root:`);
  }
  page.exportAll = () => { if (page.gallery) { if (count("accept")) page.showActions(); } else if (page.decided().size) exported(); };
})(window.goldenseed);
