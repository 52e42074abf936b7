// Zooming and moving all panes of a view in step, down to single pixels, with one pixel pointed at.
((page) => {
  const MOST = 64, LARGEST_PIXEL = 16, FROM_TOP = 230;
  // What is looked at, kept from view to view: screen pixels for one of the picture's, and how far
  // the picture's middle is from the pane's, in the picture's pixels.
  const looked = { scale: null, x: 0, y: 0 };
  page.unzoom = () => Object.assign(looked, { scale: null, x: 0, y: 0 });

  function fitted(pane, width, height) {
    const room = Math.max(innerHeight - FROM_TOP, 240);
    const scale = Math.min(pane.clientWidth / width, room / height);
    return scale > 1 ? Math.min(Math.floor(scale), LARGEST_PIXEL) : scale;
  }

  // panes: elements .pane with one .layer each, all of one picture size. Returns what the keys use.
  page.inStep = (panes, width, height) => {
    const all = panes.map((pane) => ({ pane, layer: pane.querySelector(".layer") }));
    let base = fitted(panes[0], width, height);
    const aim = () => ({ scale: (looked.scale ?? base) / base, x: looked.scale === null ? 0 : looked.x * base, y: looked.scale === null ? 0 : looked.y * base });
    const marks = all.map(({ layer }) => layer.appendChild(page.el("span", { class: "mark", "aria-hidden": "true", hidden: true })));

    for (const each of all) {
      const { scale, x, y } = aim();
      each.zoom = window.Panzoom(each.layer, { maxScale: MOST, minScale: 0.25, step: 0.4, cursor: "crosshair", animate: false, silent: true, startScale: scale, startX: x, startY: y });
      setTimeout(() => each.zoom.setOptions({ silent: false })); // once it has begun, which it would tell
      each.pane.addEventListener("wheel", (event) => { event.preventDefault(); each.zoom.zoomWithWheel(event); }, { passive: false });
      each.layer.addEventListener("panzoomchange", ({ detail }) => {
        Object.assign(looked, { scale: detail.scale * base, x: detail.x / base, y: detail.y / base });
        for (const other of all) if (other !== each) place(other, detail.scale, detail.x, detail.y);
        show();
      });
    }

    // Silently: what one pane tells of itself the others follow, and tell nobody.
    function place({ zoom }, scale, x, y) {
      zoom.zoom(scale, { animate: false, silent: true });
      zoom.pan(x, y, { animate: false, silent: true });
    }

    function show() {
      const scale = looked.scale ?? base;
      for (const { layer } of all) layer.classList.toggle("sharp", scale >= 1);
      panes[0].parentElement.dispatchEvent(new CustomEvent("zoomed", { bubbles: true, detail: { scale } }));
    }

    function fit() {
      if (!panes[0].clientWidth) return;
      base = fitted(panes[0], width, height);
      for (const { pane, layer } of all) {
        layer.style.width = `${width * base}px`;
        layer.style.height = `${height * base}px`;
        pane.style.height = `${height * base}px`;
      }
      const { scale, x, y } = aim();
      for (const each of all) place(each, scale, x, y);
      show();
    }

    const by = (change) => { all[0].zoom.zoom(all[0].zoom.getScale() * change, { animate: false }); };
    return {
      fit,
      closer: () => by(1.5),
      farther: () => by(1 / 1.5),
      whole: () => { page.unzoom(); fit(); },
      // The picture's pixel under a point of the screen, or null.
      pixelAt: (pane, clientX, clientY) => {
        const box = pane.querySelector(".layer").getBoundingClientRect();
        const x = Math.floor(width * (clientX - box.left) / box.width);
        const y = Math.floor(height * (clientY - box.top) / box.height);
        return x >= 0 && y >= 0 && x < width && y < height ? [x, y] : null;
      },
      mark: (x, y) => {
        for (const mark of marks) {
          mark.hidden = (looked.scale ?? base) < 6;
          mark.style.left = `${100 * x / width}%`;
          mark.style.top = `${100 * y / height}%`;
          mark.style.width = `${100 / width}%`;
          mark.style.height = `${100 / height}%`;
        }
      },
      destroy: () => all.forEach(({ zoom }) => zoom.destroy()),
    };
  };
})(window.goldenseed);
