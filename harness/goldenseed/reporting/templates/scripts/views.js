// Six ways to look at a case's two images. Each says which side is which.
((page) => {
  page.VIEWS = [
    ["side", "Side by side"], ["slider", "Slider"], ["blink", "Blink"],
    ["difference", "Difference"], ["flip", "FLIP map"], ["ssim", "SSIM map"]];
  const LEAST = 32;
  // One level of difference has to be seen, and the largest as well, where both fit into 255.
  page.amplification = (peak) => Math.min(255, Math.max(LEAST, Math.floor(255 / Math.max(peak ?? 255, 1))));

  const CAPTIONS = { baseline: "Baseline (accepted)", current: "Current (this run)" };
  const ALT = { baseline: "Baseline, the accepted image", current: "Current image" };
  // How a side is called below its picture, and within a sentence.
  page.captionOf = (details, side) => details[side].caption ?? (page.gallery ? "" : CAPTIONS[side]);
  const nameOf = (details, side) => details[side].caption ?? side;
  const beginning = (details, side) => details[side].caption ?? `${side[0].toUpperCase()}${side.slice(1)}`;

  function shown(of, row, alt, side) {
    const image = page.el("img", { alt: of.caption ?? alt, draggable: "false", class: side });
    page.show(image, of.path, of.row ?? row);
    return image;
  }
  const picture = (row, details, side) => shown(details[side], row, ALT[side], side);
  const pane = (caption, ...content) => page.el("figure", { class: "pane-box" },
    page.el("div", { class: "pane" }, page.el("div", { class: "layer" }, content)), page.el("figcaption", null, caption));

  function side(row, details) {
    if (details.sides) return { panes: details.sides.map((each) => pane(each.caption, shown(each, row, "", "current"))) };
    return { panes: ["baseline", "current"].map((each) => pane(page.captionOf(details, each), picture(row, details, each))) };
  }

  function slider(row, details) {
    const below = picture(row, details, "baseline"), above = picture(row, details, "current");
    const line = page.el("span", { class: "divider", "aria-hidden": "true" });
    const caption = page.el("span", { role: "status" });
    const range = page.el("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": `How much of the ${nameOf(details, "current")} image is shown, in percent`, oninput: paint });
    const fade = page.el("input", { type: "checkbox", onchange: paint });
    const one = nameOf(details, "baseline"), other = nameOf(details, "current"), first = beginning(details, "current");
    function paint() {
      const share = Number(range.value);
      above.style.opacity = fade.checked ? share / 100 : 1;
      above.style.clipPath = fade.checked ? "" : `inset(0 ${100 - share}% 0 0)`;
      line.hidden = fade.checked || share === 0 || share === 100;
      line.style.left = `${share}%`;
      caption.textContent = share === 0 ? beginning(details, "baseline") : share === 100 ? first
        : fade.checked ? `${first} at ${share} % over ${details.baseline.caption ? "" : "the "}${one}` : `${first} on the left of the line, ${one} on the right`;
    }
    paint();
    return { panes: [pane(caption, below, above, line)],
      controls: [page.el("label", { class: "range" }, page.el("span", null, one), range, page.el("span", null, other)),
        page.el("label", { class: "check" }, fade, "Fade instead of wipe")] };
  }

  function blink(row, details) {
    const images = { baseline: picture(row, details, "baseline"), current: picture(row, details, "current") };
    const caption = page.el("span", { role: "status" });
    let now, timer = null;
    function turn(to) {
      now = to;
      images.baseline.hidden = now !== "baseline";
      images.current.hidden = now !== "current";
      caption.textContent = page.captionOf(details, now);
    }
    const swap = () => turn(now === "current" ? "baseline" : "current");
    const auto = page.el("input", { type: "checkbox", onchange: () => {
      clearInterval(timer);
      caption.setAttribute("role", auto.checked ? "none" : "status");
      timer = auto.checked ? setInterval(swap, 700) : null;
    } });
    turn("current");
    return { panes: [pane(caption, images.baseline, images.current)], swap, stop: () => clearInterval(timer),
      controls: [page.el("button", { type: "button", onclick: swap }, "Swap ", page.el("kbd", null, "Space")),
        page.el("label", { class: "check" }, auto, "Swap by itself")] };
  }

  function difference(row, details) {
    const factor = page.amplification(details.peak);
    const layers = [picture(row, details, "baseline"), picture(row, details, "current")];
    const caption = page.el("span", { role: "status" });
    const range = page.el("input", { type: "range", min: 1, max: 255, value: factor, "aria-label": "How much differences are amplified", oninput: paint });
    const threshold = page.el("input", { type: "number", min: 0, max: 254, value: "", placeholder: "none", "aria-label": "Show only differences of more levels than", oninput: paint });
    function paint() {
      const over = threshold.value === "" ? null : Math.min(Math.max(Number(threshold.value), 0), 254);
      const slope = over === null ? Number(range.value) : 255, meets = over === null ? 0 : -over;
      for (const part of document.querySelectorAll("#amplify feComponentTransfer > *")) {
        part.setAttribute("slope", slope);
        part.setAttribute("intercept", meets);
      }
      range.disabled = over !== null;
      const clipped = Math.ceil(255 / slope);
      caption.textContent = over !== null ? `White in a colour where the two differ by more than ${page.count(over, "level")}`
        : slope === 1 ? `Absolute difference of ${nameOf(details, "baseline")} and ${nameOf(details, "current")}, as it is`
        : `Difference of ${nameOf(details, "baseline")} and ${nameOf(details, "current")} × ${slope}: one level shows as ${slope} of 255${clipped > 1 ? `, ${page.count(clipped, "level")} or more as full` : ""}`;
    }
    paint();
    const found = pane(caption, layers);
    found.querySelector(".layer").classList.add("blended");
    return { panes: [found], controls: [
      page.el("label", { class: "range" }, page.el("span", null, "× 1"), range, page.el("span", null, "× 255")),
      page.el("button", { type: "button", onclick: () => { threshold.value = ""; range.value = 1; paint(); } }, "Absolute"),
      page.el("button", { type: "button", onclick: () => { threshold.value = ""; range.value = factor; paint(); } }, `× ${factor}`),
      page.el("label", { class: "check" }, "More than", threshold, "levels")] };
  }

  function mapped(row, details, name, compute, words) {
    const canvas = page.el("canvas", { role: "img", "aria-label": name });
    const caption = page.el("span", { role: "status" }, `${name}: computing …`);
    const found = { panes: [pane(caption, canvas)] };
    page.pixels(row, details).then((both) => {
      if (both === null) { caption.textContent = page.NO_PIXELS; return; }
      setTimeout(() => {
        const plane = compute(both);
        found.values = plane;
        page.paintMap(canvas, plane, both.baseline.width, both.baseline.height);
        caption.textContent = words(page.mean(plane));
      }, 20);
    }).catch((error) => { caption.textContent = error.message; });
    return found;
  }
  const flip = (row, details) => mapped(row, details, "FLIP map", page.flipMap,
    (mean) => `FLIP: where an eye that flips between the two sees a change, bright for a large one (mean ${mean.toFixed(4)})`);
  const ssim = (row, details) => mapped(row, details, "SSIM map", page.ssimMap,
    (mean) => `1 − SSIM: where the structure differs, bright for a large difference (mean ${mean.toFixed(4)})`);

  const MAKERS = { side, slider, blink, difference, flip, ssim };

  // The size of all pictures of a stage, by which they are zoomed in step; null where they have several.
  page.oneSize = (details) => {
    const all = (details.sides ?? [details.baseline, details.current]).filter((each) => each?.width);
    return all.length > 0 && all.every((each) => each.width === all[0].width && each.height === all[0].height) ? all[0] : null;
  };
  // What can be laid over each other: two or more, and of one size.
  page.comparable = (details) => Boolean(details.baseline?.width && details.current?.width && page.oneSize(details));

  page.makeView = (name, row, details) => (MAKERS[name] ?? side)(row, details);
  page.pane = pane;
  page.picture = picture;
})(window.goldenseed);
