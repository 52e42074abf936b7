// What was decided of which case: kept in memory and where the browser allows it, exported as
// decisions.json, and sent to the review server where one serves this page.
((page) => {
  const token = document.documentElement.dataset.review;
  const found = new Map(); // row's index → {decision, reason, outcome, message}
  const undoable = [];
  page.reviewing = Boolean(token);
  // Whether a decision is no more than a mark on this page: nothing is applied as it is made.
  page.marksOnly = () => !page.reviewing || page.gallery !== null;
  page.decisionOf = (row) => found.get(row.index);
  page.decided = () => found;

  const wanted = (row) => ({ suite: row.path, case: row.id, pixels_sha256: row.sha });
  const key = () => `decisions:${page.data.run}`;

  page.document = (rows) => ({
    format: "goldenseed-decisions", version: 1, run: page.data.run,
    decisions: rows.map((row) => ({ ...wanted(row), decision: found.get(row.index).decision, reason: found.get(row.index).reason })),
  });

  const keep = () => page.remember(key(), page.document(page.rows.filter((row) => found.has(row.index))).decisions);

  // Take up decisions of the same pixels, by suite file and case.
  function take(decisions) {
    const known = new Map(page.rows.map((row) => [`${row.path}\n${row.id}`, row]));
    for (const each of decisions ?? []) {
      const row = known.get(`${each.suite}\n${each.case}`);
      if (row && row.sha === each.pixels_sha256) found.set(row.index, { decision: each.decision, reason: each.reason });
    }
  }

  async function ask(options) {
    const answer = await fetch("api/decisions", { ...options, headers: { ...options?.headers, "X-Goldenseed-Token": token } });
    if (!answer.ok) throw new Error(`the review server answers ${answer.status}: ${(await answer.text()).slice(0, 300)}`);
    return answer.json();
  }

  page.recallDecisions = async () => {
    take(page.marksOnly() ? page.recall(key()) : (await ask()).decisions);
  };

  // Whether a decision can be made of a row at all.
  page.allows = (row, decision) => (decision === "accept" ? row.acceptable : decision === "reject" ? row.rejectable : Boolean(row.sha));

  // What stood before a decision that was refused, or is taken back, stands again.
  function putBack(before) {
    for (const [index, decided] of before) {
      if (decided) found.set(index, decided); else found.delete(index);
    }
  }

  page.record = async (rows, decision, reason) => {
    const before = new Map(rows.map((row) => [row.index, found.get(row.index)]));
    for (const row of rows) found.set(row.index, { decision, reason });
    if (page.marksOnly()) { undoable.push(before); keep(); return []; }
    const places = new Map(rows.map((row) => [`${row.path}\n${row.id}`, row]));
    try {
      const answer = await ask({ method: "POST", body: JSON.stringify(page.document(rows)), headers: { "Content-Type": "application/json" } });
      const refused = answer.results.filter((each) => each.outcome === "refused");
      for (const each of refused) {
        const row = places.get(`${each.suite}\n${each.case}`);
        if (row) putBack([[row.index, before.get(row.index)]]);
      }
      return refused.map((each) => `${each.case}: ${each.message}`);
    } catch (error) {
      putBack(before);
      throw error;
    }
  };

  // Have the review server do to picked rows what an action says; returns what became of them.
  page.applyTo = async ({ name }, rows, said) => {
    const golden = name === "promote";
    const seed = { tags: golden || name === "remove" ? [] : said.tags, rating: golden || !said.rating ? null : Number(said.rating), suite: golden ? said.suite : null };
    const decisions = rows.map((row) => ({ ...wanted(row), decision: name === "remove" ? "reject" : "accept", reason: golden ? said.reason : "", seed }));
    const document = { format: "goldenseed-decisions", version: 1, run: page.data.run, decisions };
    const { results } = await ask({ method: "POST", body: JSON.stringify(document), headers: { "Content-Type": "application/json" } });
    const labels = new Map(rows.map((row) => [row.id, row.whole]));
    return results.map((each) => `${each.outcome === "refused" ? "Refused: " : ""}${labels.get(each.case)}: ${each.message}`).join("\n");
  };

  // Take marks off again.
  page.unmark = (rows) => {
    undoable.push(new Map(rows.map((row) => [row.index, found.get(row.index)])));
    for (const row of rows) found.delete(row.index);
    keep();
  };

  // Take the last decision back; the server has applied its decisions already.
  page.undo = () => {
    if (!page.marksOnly()) return;
    putBack(undoable.pop() ?? []);
    keep();
  };

  page.export = () => {
    const rows = page.rows.filter((row) => found.has(row.index));
    const text = JSON.stringify(page.document(rows), null, 2);
    const link = page.el("a", { download: "decisions.json" });
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
})(window.goldenseed);
