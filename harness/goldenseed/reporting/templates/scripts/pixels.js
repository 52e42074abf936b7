// The numbers behind the pictures. A page opened from disk may draw its pictures but not read them,
// so their bytes come along in a part; a page from a server reads the files themselves.
((page) => {
  const readable = location.protocol !== "file:";

  async function decode(source) {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = page.el("canvas", { width: image.naturalWidth, height: image.naturalHeight });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  }

  async function sourceOf(picture, row) {
    const part = row.pixels >= 0 ? await page.load(page.pixelsOf(row)) : null;
    return part?.[picture.path] ?? (readable ? page.address(picture.path) : null);
  }

  // {baseline, current}, as many as there are, as ImageData; null where the bytes are not at hand.
  page.pixels = async (row, details) => {
    const sides = ["baseline", "current"].filter((side) => details[side]?.width);
    const sources = await Promise.all(sides.map((side) => sourceOf(details[side], details[side].row ?? row)));
    if (sources.includes(null)) return null;
    const found = await Promise.all(sources.map(decode));
    return Object.fromEntries(sides.map((side, at) => [side, found[at]]));
  };

  page.NO_PIXELS = "The values of this picture's pixels are not among the data beside the page: `goldenseed review` shows them.";

  page.valuesAt = (image, x, y) => [...image.data.slice(4 * (y * image.width + x), 4 * (y * image.width + x) + 4)];

  const luma = (data, at) => Math.round(0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2]);

  // Levels of both, and of each pixel's largest difference: 256 counts each.
  page.histograms = ({ baseline, current }) => {
    const found = { baseline: new Array(256).fill(0), current: new Array(256).fill(0), differences: new Array(256).fill(0) };
    for (const name of ["baseline", "current"]) {
      const { data } = name === "baseline" ? baseline : current;
      for (let at = 0; at < data.length; at += 4) found[name][luma(data, at)] += 1;
    }
    if (baseline.width !== current.width || baseline.height !== current.height) return found;
    const a = baseline.data, b = current.data;
    for (let at = 0; at < a.length; at += 4) {
      let most = 0;
      for (let channel = 0; channel < 4; channel += 1) most = Math.max(most, Math.abs(a[at + channel] - b[at + channel]));
      found.differences[most] += 1;
    }
    return found;
  };
})(window.goldenseed);
