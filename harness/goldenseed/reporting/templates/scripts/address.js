// What is open, filtered and sorted, in the address's fragment: #shapes.red-apple-1&verdict=drift&q=cat
((page) => {
  const DEFAULTS = page.defaults = { open: "", compare: "", verdict: [], q: "", suite: "", metric: "", cause: "", decided: "", sort: "worst", by: "cause", view: "" };
  const decoded = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

  page.read = (fragment) => {
    const state = { ...DEFAULTS };
    fragment.replace(/^#/, "").split("&").forEach((piece, place) => {
      const cut = piece.indexOf("=");
      if (cut < 0) { if (place === 0) state.open = decoded(piece); return; }
      const name = piece.slice(0, cut), value = decoded(piece.slice(cut + 1));
      if (name === "verdict") state.verdict = value.split(",").filter(Boolean);
      else if (name !== "open" && name in DEFAULTS) state[name] = value;
    });
    return state;
  };

  page.written = (state) => {
    const pieces = Object.keys(DEFAULTS).filter((name) => name !== "open" && String(state[name]) !== String(DEFAULTS[name]))
      .map((name) => `${name}=${encodeURIComponent(String(state[name]))}`);
    return `#${[encodeURIComponent(state.open), ...pieces].join("&")}`;
  };

  page.reset = (state) => Object.assign(state, { ...DEFAULTS, open: state.open, compare: state.compare, view: state.view });

  // With `step` the browser's back button returns to where one was.
  page.remark = (state, step) => {
    const fragment = page.written(state);
    if (fragment === location.hash || (fragment === "#" && !location.hash)) return;
    if (step) history.pushState(null, "", fragment);
    else history.replaceState(null, "", fragment);
  };
})(window.goldenseed);
