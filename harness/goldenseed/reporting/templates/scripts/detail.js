// One case in full, built from its data as elements and text.
((page) => {
  const { el } = page;
  const digest = (text) => el("span", { class: "mono", title: text }, text.slice(0, 12), text.length > 12 && "…");
  const table = (caption, head, rows, kind) => el("table", { class: kind }, el("caption", { class: "unseen" }, caption),
    el("thead", { class: kind === "fields" && "unseen" }, el("tr", null, head.map((text) => el("th", { scope: "col" }, text)))), el("tbody", null, rows));

  function reasons({ reasons: all, error }) {
    const plain = all.filter((each) => !each.rounding), rounding = all.filter((each) => each.rounding);
    const beyond = rounding.filter((each) => each.beyond).length;
    const line = (each) => el("li", null, el("bdi", null, each.text), each.source && el("span", { class: "source" }, ` limit from: ${each.source}`));
    const said = beyond === 0 ? "No farther than rounding can bring it"
      : `More than rounding can do: ${beyond} of ${page.count(rounding.length, "measurement")} ${beyond === 1 ? "is" : "are"} beyond it`;
    return [plain.length > 0 && el("ul", { class: "reasons" }, plain.map(line)),
      rounding.length > 0 && el("details", { class: "jargon" }, el("summary", null, said),
        el("p", { class: "hint" }, "Distances are relative: 1e-6 is a millionth of the values’ size. What rounding may reach follows from the dtype and the number of steps, or was calibrated."),
        el("ul", { class: "reasons" }, rounding.map(line))),
      error && el("pre", { class: "error", tabindex: 0, "aria-label": "Error message" }, error.trimEnd())];
  }

  function why(found) {
    if (!found) return null;
    return el("section", { class: "why", "aria-label": "Why" },
      found.likely && el("p", { class: "cause" }, `Likely cause: ${found.likely}`),
      found.others.length > 0 && el("p", { class: "evidence" }, `or ${found.others.join(", or ")}`),
      found.divergence && el("p", null, `First divergence: ${found.divergence}`),
      found.evidence.length > 0 && el("details", null, el("summary", null, "What speaks for it"), found.evidence.map((text) => el("p", { class: "evidence" }, text))),
      found.distances && el("p", null, `${found.distances[0].toUpperCase()}${found.distances.slice(1)}`),
      found.remarks.map((text) => el("p", null, `Note: ${text}`)),
      page.plotCurve(found.points, found.limits, "Relative distance to the accepted image at each stage, logarithmic scale"));
  }

  const mark = (passed) => (passed === true ? "pass" : passed === false ? el("strong", null, "fail") : "");
  function metrics(rows) {
    const held = !page.gallery || rows.some((row) => row.limit);
    return rows.length > 0 && table("Metrics against their limits", [page.gallery ? "Score" : "Metric", "Value", ...(held ? ["Limit", "From", "Result"] : [])],
      rows.map((row) => el("tr", { class: row.passed === false && "fails" }, el("th", { scope: "row", title: row.gate || row.name }, row.label), el("td", { class: "n" }, row.value),
        held && [el("td", { class: "n" }, row.limit), el("td", { class: "source" }, row.source), el("td", null, mark(row.passed))])), "metrics");
  }

  function pictured(row, name, found, note) {
    if (!found?.width) return el("p", null, name, note && ` ${note}`);
    const image = el("img", { alt: name, loading: "lazy", width: found.width, height: found.height, class: Math.max(found.width, found.height) <= 256 && "small" });
    page.show(image, found.path, row);
    return el("figure", null, image, el("figcaption", null, name, note && ` ${note}`));
  }

  const inputs = (row, all) => all.length > 0 && el("details", null, el("summary", null, page.count(all.length, "input")),
    el("div", { class: "pictures" }, all.map((each) => pictured(row, `${each.argument}: ${each.source}`, each.picture, each.sha.slice(0, 12)))));

  function elements(row, found) {
    if (!found) return null;
    return el("section", { "aria-label": "All that the call returned" }, el("p", null, found.summary),
      found.curve.some(([, distance]) => distance) && page.plotCurve(found.curve, [], "Distance of each element to the accepted one, as a part of the full range, logarithmic scale"),
      el("details", null, el("summary", null, "All elements"), el("div", { class: "pictures" }, found.shown.map((each) => [
        pictured(row, each.name, each.current, each.verdict), each.baseline && pictured(row, `accepted ${each.name}`, each.baseline)]))),
      found.left_out > 0 && el("p", null, `… and ${page.count(found.left_out, "more element")} in the run’s folder`));
  }

  const keys = (found) => found?.keys.length > 0 && el("details", null, el("summary", null, `${page.count(found.keys.length, "difference")} of the environment`),
    found.environment && el("p", null, found.environment),
    table("Keys of the environment that differ", ["Key", "Accepted", "Now", "Can explain it"],
      found.keys.map(([key, old, now, explains]) => el("tr", null, el("th", { scope: "row" }, key.replace(/^package\./, "")), el("td", { class: "mono" }, old), el("td", { class: "mono" }, now), el("td", null, explains ? "yes" : "no"))), "keys"));

  const commands = (all) => all.length > 0 && el("section", { class: "commands", "aria-label": "Commands" }, all.map(([label, text, more]) => {
    const code = el("code", null, text);
    return el("p", { class: "command" }, el("span", { class: "does" }, label), code,
      el("button", { type: "button", "aria-label": `Copy the command: ${label}`, onclick: (event) => page.copy(event.currentTarget, code) }, "Copy"), more);
  }));

  page.commands = commands;

  const facts = (pairs) => el("dl", { class: "provenance" }, pairs.map(([name, value]) => el("div", null, el("dt", null, name),
    el("dd", null, /^[0-9a-f]{64}( |$)/.test(value) ? [digest(value.slice(0, 64)), value.slice(64)] : el("bdi", null, value)))));

  const recipe = ([sha, fields], open) => fields.length > 0 && el("details", { class: "recipe", open }, el("summary", null, "Recipe ", digest(sha)),
    table("Recipe", ["Field", "Value"], fields.map(([name, value]) => el("tr", null, el("th", { scope: "row" }, name), el("td", null, value))), "fields"));

  // Counts of levels, made when they are asked for.
  function histogram(row, details) {
    if (!page.comparable(details)) return null;
    const inside = el("div", null);
    return el("details", { ontoggle: async (event) => {
      if (!event.currentTarget.open || inside.childElementCount) return;
      const both = await page.pixels(row, details).catch(() => null);
      if (!both) { inside.replaceChildren(el("p", null, page.NO_PIXELS)); return; }
      const found = page.histograms(both);
      inside.replaceChildren(page.plotLevels(found.baseline, found.current),
        el("p", { class: "legend" }, "Levels from 0 to 255: current filled, baseline outlined"), page.tableOfDifferences(found.differences, both.current.width * both.current.height));
    } }, el("summary", null, "Histogram"), inside);
  }

  const warned = (all) => all.length > 0 && el("details", null, el("summary", null, `${page.count(all.reduce((sum, [times]) => sum + times, 0), "warning")} of other packages`),
    table("Warnings of other packages while it was made", ["Times", "Warning"],
      all.map(([times, kind]) => el("tr", null, el("td", { class: "n" }, times.toLocaleString("en")), el("td", null, el("bdi", null, kind)))), "warned"));

  // A place for the history of the case, filled where the data have it.
  function past(details) {
    if (!details.history?.length) return null;
    const section = el("section", { class: "history", "aria-label": "History of this case" });
    page.plotHistory(section, details.history);
    return section;
  }

  // What the files say of where they are from, and what was expected of them.
  function origin(found) {
    if (!found) return null;
    return el("details", { class: "origin", open: found.rows.some(([, , , ok]) => ok === false) }, el("summary", null, "Provenance ", el("span", { class: "source" }, found.summary)),
      found.files.map(([name, path, sha]) => el("p", { class: "hint" }, name && `${name}: `, el("a", { href: page.address(path) }, "the file as it was returned"), " ", digest(sha))),
      found.faults.map((text) => el("p", { class: "alarm" }, text)),
      found.rows.length > 0 && table("What the files say of their origin", ["Says", "What", "Expected"],
        found.rows.map(([name, says, expected, ok]) => el("tr", { class: ok === false && "fails" }, el("th", { scope: "row" }, name), el("td", null, el("bdi", null, says)), el("td", { class: "source" }, expected))), "said"));
  }

  const title = (row) => (row.whole ? row.whole : [el("span", { class: "suite" }, `${row.suite}::`), row.id]);
  const verdict = (row) => !page.gallery && el("span", { class: "badge" }, row.verdict);
  const asked = (details) => (details.prompt !== null || details.seed !== null) && el("p", { class: "prompt" },
    details.prompt !== null && el("q", null, el("bdi", null, details.prompt)), details.seed !== null && el("span", { class: "seed" }, ` seed ${details.seed}`));

  page.fullCase = (row, details, stage) => [
    el("header", { class: "case-head" }, el("h1", { id: "detail-title" }, title(row)), verdict(row), el("span", { class: "decided" })),
    details.alarms.map((text) => el("p", { class: "alarm" }, text)),
    el("div", { class: "body" },
      el("div", { class: "seen" }, stage.element, past(details), elements(row, details.elements)),
      el("div", { class: "told" }, asked(details), reasons(details), details.moved && el("p", { class: "moved" }, details.moved),
        why(details.why), metrics(details.metrics), details.content && el("p", null, `Content: ${details.content}`),
        facts(details.facts), histogram(row, details), keys(details.why), warned(details.warnings), inputs(row, details.inputs), origin(details.origin), recipe(details.recipe), commands(page.gallery ? page.commandsFor([row]).map(([does, text]) => [does, text]) : details.commands)))];

  // The same on paper: nothing folded, and the images side by side.
  page.printedCase = (row, details) => el("article", { class: `printed tone-${row.verdict}` },
    el("header", { class: "case-head" }, el("h2", null, title(row)), verdict(row)), asked(details),
    el("div", { class: "pictures" }, ["baseline", "current"].map((side) => details[side]?.width && pictured(row, side, details[side]))),
    details.reasons.filter((each) => !each.rounding).map((each) => el("p", null, each.text)), details.error && el("pre", { class: "error" }, details.error),
    details.why?.likely && el("p", { class: "cause" }, `Likely cause: ${details.why.likely}`), details.why?.divergence && el("p", null, `First divergence: ${details.why.divergence}`),
    details.why?.environment && el("p", null, `Environment: ${details.why.environment}`), origin(details.origin),
    metrics(details.metrics), facts(details.facts), recipe(details.recipe, true));
})(window.goldenseed);
