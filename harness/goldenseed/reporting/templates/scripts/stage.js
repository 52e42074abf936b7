// The place where a case's images are looked at: the buttons of the views, the panes, the pixel's values.
((page) => {
  let current = null; // {view, steps, pixel, …} of the case that is open

  function readout(stage, both, pixel) {
    const [x, y] = pixel, place = `x ${x}, y ${y}`;
    if (!both) return `${place}. ${page.NO_PIXELS}`;
    if (!both.baseline || !both.current) return `${place}: ${page.valuesAt(both.baseline ?? both.current, x, y).slice(0, 3).join(" ")}`;
    const before = page.valuesAt(both.baseline, x, y), now = page.valuesAt(both.current, x, y);
    const [one, other] = ["baseline", "current"].map((side) => stage.details[side].caption ?? side);
    const channels = before[3] === 255 && now[3] === 255 ? 3 : 4;
    const change = before.slice(0, channels).map((value, at) => now[at] - value).map((value) => (value > 0 ? `+${value}` : `${value}`.replace("-", "−")));
    const map = stage.view.values ? `, ${stage.name === "flip" ? "FLIP" : "1 − SSIM"} ${stage.view.values[y * both.baseline.width + x].toFixed(4)}` : "";
    return `${place}: ${one} ${before.slice(0, channels).join(" ")}, ${other} ${now.slice(0, channels).join(" ")}, change ${change.join(" ")}${map}`;
  }

  async function point(stage, pixel) {
    stage.pixel = pixel;
    stage.steps.mark(...pixel);
    stage.both ??= page.pixels(stage.row, stage.details).catch(() => null);
    const both = await stage.both;
    if (stage.pixel === pixel) stage.readout.textContent = readout(stage, both, pixel);
  }

  function alone(row, details) {
    const shown = ["baseline", "current"].filter((side) => details[side]);
    const panes = shown.map((side) => details[side].width
      ? page.pane(page.captionOf(details, side), page.picture(row, details, side))
      : page.el("p", { class: "missing" }, page.el("strong", null, "Missing"), details[side].path));
    if (!details.baseline && !page.gallery) panes.unshift(page.el("p", { class: "missing" }, row.verdict === "new" ? "Nothing accepted yet" : "No baseline"));
    if (!details.current) panes.push(page.el("p", { class: "missing" }, "No image"));
    return { panes };
  }

  function build(stage, name) {
    stage.view?.stop?.();
    stage.steps?.destroy();
    stage.name = name;
    const whole = page.comparable(stage.details);
    stage.view = whole ? page.makeView(name, stage.row, stage.details) : alone(stage.row, stage.details);
    for (const button of stage.buttons) button.setAttribute("aria-pressed", String(button.dataset.view === name));
    stage.panes.replaceChildren(...stage.view.panes);
    stage.panes.classList.toggle("two", stage.view.panes.length > 1);
    stage.controls.replaceChildren(...(stage.view.controls ?? []));
    stage.panes.classList.toggle("many", stage.view.panes.length > 2);
    const panes = stage.view.panes.map((box) => box.querySelector(".pane")).filter(Boolean);
    if (!stage.size) { panes.forEach((each) => each.classList.add("still")); stage.steps = null; return; }
    stage.steps = page.inStep(panes, stage.size.width, stage.size.height);
    stage.steps.fit();
    for (const each of panes) {
      each.addEventListener("pointermove", (event) => {
        const pixel = stage.steps.pixelAt(each, event.clientX, event.clientY);
        if (pixel) point(stage, pixel);
      });
    }
  }

  // The element of the stage; `use(view)` is told which view was chosen.
  page.makeStage = (row, details, view, use) => {
    const whole = page.comparable(details), size = page.oneSize(details);
    const stage = { row, details, size };
    stage.buttons = page.VIEWS.map(([name, label], place) => page.el("button",
      { type: "button", "data-view": name, "aria-pressed": "false", onclick: () => { use(name); page.see(name); } }, label, " ", page.el("kbd", null, place + 1)));
    stage.panes = page.el("div", { class: "panes" });
    stage.controls = page.el("div", { class: "controls" });
    stage.readout = page.el("p", { class: "readout", role: "status" });
    stage.zoomed = page.el("span", { class: "zoomed" });
    stage.panes.addEventListener("zoomed", ({ detail }) => {
      stage.zoomed.textContent = `${size.width} × ${size.height}, shown at ${Math.round(detail.scale * 100)} %`;
    });
    const act = (label, name, what) => page.el("button", { type: "button", "aria-label": label, onclick: what }, name);
    stage.element = page.el("section", { class: "stage", "aria-label": size && !whole ? "The image" : "The images", tabindex: size ? 0 : null, onkeydown: (event) => walk(stage, event) },
      whole && page.el("div", { class: "views", role: "group", "aria-label": "How the images are shown" }, stage.buttons),
      stage.panes,
      size && page.el("div", { class: "under" }, stage.controls,
        page.el("span", { class: "zooming", role: "group", "aria-label": "Zoom" }, act("Zoom out", "−", () => stage.steps.farther()), act("Zoom in", "+", () => stage.steps.closer()), act("Fit the whole image", "Fit", () => stage.steps.whole()), stage.zoomed)),
      size && stage.readout);
    stage.start = () => {
      build(stage, page.VIEWS.some(([name]) => name === view) ? view : "side");
      if (size) {
        stage.readout.textContent = "Point at a pixel, or move over the pixels with the arrow keys, to read its values. Wheel or + and − zoom.";
        stage.watch = new ResizeObserver(() => stage.steps?.fit());
        stage.watch.observe(stage.element);
      }
    };
    current = stage;
    return stage;
  };

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function walk(stage, event) {
    const step = STEPS[event.key];
    if (!step || event.target !== stage.element || !stage.steps) return;
    event.preventDefault();
    const { width, height } = stage.size;
    const [x, y] = stage.pixel ?? [Math.floor(width / 2), Math.floor(height / 2)];
    const far = event.shiftKey ? 10 : 1;
    point(stage, [Math.min(Math.max(x + far * step[0], 0), width - 1), Math.min(Math.max(y + far * step[1], 0), height - 1)]);
  }

  page.see = (name) => { if (current && page.comparable(current.details)) build(current, name); };
  page.swap = () => current?.view?.swap?.();
  page.zoomBy = (how) => current?.steps?.[how]();
  page.leaveStage = () => {
    current?.view?.stop?.();
    current?.steps?.destroy();
    current?.watch?.disconnect();
    current = null;
  };
})(window.goldenseed);
