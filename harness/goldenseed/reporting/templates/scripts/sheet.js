// Printing: the cases that are shown, each in full, at the moment they are asked for.
((page) => {
  const { byId } = page;
  const MOST = 500;

  const environment = byId("environment");
  let folded = false;

  const asked = () => (page.opened && !page.opened.compared ? [page.opened] : page.shownRows);
  function fill(pairs, left) {
    byId("sheet").replaceChildren(...pairs.map(([row, details]) => page.printedCase(row, details)),
      left > 0 ? page.el("p", null, `… and ${page.count(left, page.noun)} more`) : "");
  }

  // With the button whatever is shown is loaded first.
  async function print() {
    const rows = asked().slice(0, MOST), pairs = [];
    for (const row of rows) pairs.push([row, await page.details(row)]);
    fill(pairs, asked().length - rows.length);
    await Promise.all([...document.querySelectorAll("#sheet img")].map((image) => { image.loading = "eager"; return image.decode().catch(() => null); }));
    window.print();
  }
  byId("print").addEventListener("click", print);

  // With the browser's own key there is no time to load: what is at hand is printed.
  addEventListener("beforeprint", () => {
    folded = environment?.open === false;
    if (folded) environment.open = true;
    if (byId("sheet").childElementCount || !page.data) return;
    const ready = asked().slice(0, MOST).map((row) => [row, page.ready(page.partOf(row))]).filter(([, part]) => part);
    fill(ready.map(([row, part]) => [row, part[row.index % page.data.per_part]]), asked().length - ready.length);
    for (const image of document.querySelectorAll("#sheet img")) image.loading = "eager";
  });
  addEventListener("afterprint", () => {
    page.clear(byId("sheet"));
    if (folded) environment.open = false;
  });
})(window.goldenseed);
