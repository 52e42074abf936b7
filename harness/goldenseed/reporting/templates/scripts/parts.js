// The data: in elements of this page, or in files beside it that are loaded when they are asked for.
((page) => {
  const KEPT = 24;
  const known = new Map();
  const waiting = new Map();
  const coming = new Map();

  function keep(name, value) {
    known.delete(name);
    known.set(name, value);
    for (const old of known.keys()) {
      if (known.size <= KEPT) break;
      if (old !== "rows") known.delete(old);
    }
    return value;
  }

  // What a file beside the page calls.
  page.part = (name, value) => { waiting.get(name)?.(keep(name, value)); };

  function fetched(name) {
    return new Promise((resolve, reject) => {
      const script = page.el("script", { src: `data/${name}.js` });
      waiting.set(name, resolve);
      script.addEventListener("load", () => script.remove());
      script.addEventListener("error", () => {
        script.remove();
        reject(new Error(`data/${name}.js is missing: copy the whole folder of the run, not this page alone`));
      });
      document.head.append(script);
    }).finally(() => { waiting.delete(name); coming.delete(name); });
  }

  page.load = async (name) => {
    const found = page.ready(name);
    if (found) return found;
    if (!coming.has(name)) coming.set(name, fetched(name));
    return coming.get(name);
  };

  page.ready = (name) => {
    if (known.has(name)) return keep(name, known.get(name));
    const inline = page.byId(`part-${name}`);
    return inline ? keep(name, JSON.parse(inline.textContent)) : null;
  };
  page.partOf = (row) => `cases-${String(Math.floor(row.index / page.data.per_part)).padStart(3, "0")}`;
  page.pixelsOf = (row) => `pixels-${String(row.pixels).padStart(3, "0")}`;
  page.details = async (row) => (await page.load(page.partOf(row)))[row.index % page.data.per_part];

  // Show a picture of a case: the file beside the page, or the copy within it.
  page.single = Boolean(document.querySelector("script[id^='part-pixels-']"));
  page.show = (image, path, row) => {
    if (!page.single || row.pixels < 0) { image.src = page.address(path); return; }
    page.load(page.pixelsOf(row)).then((part) => { image.src = part[path] ?? page.address(path); });
  };
})(window.goldenseed);
