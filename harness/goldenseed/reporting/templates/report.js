"use strict";
document.documentElement.classList.add("js");
document.addEventListener("DOMContentLoaded", () => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Filters and search

  const sections = all("section.verdict").map((element) => ({
    element,
    verdict: element.dataset.verdict,
    cases: all(".case", element).map((card) => ({
      card,
      text: all("h3, .id, .prompt bdi", card).map((part) => part.textContent).join(" ").toLowerCase(),
    })),
  }));
  const filters = all(".filter");
  const search = byId("search");
  const total = sections.reduce((sum, section) => sum + section.cases.length, 0);

  function show() {
    const wanted = new Set(filters.filter((f) => f.ariaPressed === "true").map((f) => f.dataset.verdict));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { element, verdict, cases } of sections) {
      const open = wanted.size === 0 || wanted.has(verdict);
      let inSection = 0;
      for (const { card, text } of cases) {
        const visible = open && words.every((word) => text.includes(word));
        if (card.hidden === visible) card.hidden = !visible;
        inSection += visible;
      }
      element.hidden = inSection === 0;
      shown += inSection;
    }
    const number = (value) => value.toLocaleString("en");
    const whole = `${number(total)} ${total === 1 ? "case" : "cases"}`;
    byId("shown").textContent = shown === total ? whole : `${number(shown)} of ${whole}`;
    byId("nothing").hidden = shown > 0;
  }

  function reset() {
    for (const filter of filters) filter.ariaPressed = "false";
    search.value = "";
    show();
  }

  if (search) {
    for (const filter of filters) {
      filter.addEventListener("click", () => {
        filter.ariaPressed = String(filter.ariaPressed !== "true");
        show();
      });
    }
    search.addEventListener("input", show);
    byId("reset").addEventListener("click", () => { reset(); search.focus(); });
    show();
  }

  const environmentSearch = byId("environment-search");
  if (environmentSearch) {
    const rows = all("#environment tbody tr");
    environmentSearch.addEventListener("input", () => {
      const wanted = environmentSearch.value.toLowerCase();
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    });
  }

  // A link to a case shows it, whatever is filtered or folded

  function reveal() {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { /* a stray % is part of the name */ }
    const target = name && byId(name);
    const card = target && target.closest(".case");
    if (!card) return;
    if (card.hidden) reset();
    if (card.tagName === "DETAILS") card.open = true;
    card.focus({ preventScroll: true });
    const scroll = () => card.scrollIntoView({ behavior: "instant" });
    scroll();
    // Cards out of sight have a guessed height until they have been scrolled to.
    requestAnimationFrame(() => { scroll(); requestAnimationFrame(scroll); });
  }
  addEventListener("hashchange", reveal);
  reveal();

  // Copying

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  // Two images laid over each other

  const viewer = byId("viewer");
  const [stage, below, above, line, slider, fade, blink] =
    ["stage", "stage-baseline", "stage-current", "line", "slider", "fade", "blink"].map(byId);
  let card = null;
  let held = false;

  function paint() {
    const share = held ? 0 : Number(slider.value);
    const fading = fade.ariaPressed === "true";
    above.style.opacity = fading ? share / 100 : 1;
    above.style.clipPath = fading ? "" : `inset(0 ${100 - share}% 0 0)`;
    below.style.clipPath = fading || held ? "" : `inset(0 0 0 ${share}%)`;
    const half = !fading && !held && share > 0 && share < 100;
    line.hidden = !half;
    if (half) {
      line.style.left = `${above.offsetLeft + (above.offsetWidth * share) / 100}px`;
      line.style.top = `${above.offsetTop}px`;
      line.style.height = `${above.offsetHeight}px`;
    }
    byId("stage-caption").textContent = held || share === 0 ? "Baseline"
      : share === 100 ? "Current"
      : fading ? `Current at ${share} % over the baseline`
      : "Current on the left, baseline on the right of the line";
  }

  function fit() {
    if (!card) return;
    const images = [below, above];
    const width = Math.max(...images.map((image) => image.naturalWidth));
    const height = Math.max(...images.map((image) => image.naturalHeight));
    if (!width || !height) return;
    let scale = Math.min(stage.clientWidth / width, stage.clientHeight / height);
    if (scale > 1) scale = Math.min(Math.floor(scale), 12);
    for (const image of images) {
      image.classList.toggle("sharp", scale >= 1);
      image.style.width = `${image.naturalWidth * scale}px`;
      image.style.height = `${image.naturalHeight * scale}px`;
      image.style.left = `${(stage.clientWidth - width * scale) / 2}px`;
      image.style.top = `${(stage.clientHeight - height * scale) / 2}px`;
    }
    byId("viewer-zoom").textContent = `${width} × ${height}, shown at ${Math.round(scale * 100)} %`;
    paint();
  }

  function open(next) {
    card = next;
    held = false;
    byId("viewer-title").textContent = card.querySelector("h3").textContent;
    below.src = card.querySelector(".baseline img").src;
    above.src = card.querySelector(".current img").src;
    if (!viewer.open) viewer.showModal();
    fit();
  }

  function step(by) {
    const cards = all(".compare").map((button) => button.closest(".case")).filter((c) => !c.hidden && !c.closest("[hidden]"));
    const next = cards[cards.indexOf(card) + by];
    if (next) open(next);
  }

  function hold(value) {
    if (held === value) return;
    held = value;
    paint();
  }

  function slide(event) {
    if (event.buttons !== 1) return;
    const box = above.getBoundingClientRect();
    slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
    paint();
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.classList.contains("copy")) copy(button);
    if (button?.classList.contains("compare")) open(button.closest(".case"));
  });
  for (const image of [below, above]) {
    image.draggable = false;
    image.addEventListener("load", fit);
  }
  addEventListener("resize", fit);
  slider.addEventListener("input", paint);
  stage.addEventListener("pointerdown", slide);
  stage.addEventListener("pointermove", slide);
  fade.addEventListener("click", () => { fade.ariaPressed = String(fade.ariaPressed !== "true"); paint(); });
  blink.addEventListener("pointerdown", () => hold(true));
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) blink.addEventListener(end, () => hold(false));
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("viewer-close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("close", () => {
    const button = card?.querySelector(".compare");
    card = null;
    button?.focus();
  });
  viewer.addEventListener("keydown", (event) => {
    const space = event.key === " " && (event.target === blink || event.target.tagName !== "BUTTON");
    if (event.key === "b" || event.key === "B" || space) {
      event.preventDefault();
      hold(true);
    } else if (event.target !== slider && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      step(event.key === "ArrowLeft" ? -1 : 1);
    }
  });
  viewer.addEventListener("keyup", (event) => {
    if (event.key === "b" || event.key === "B" || event.key === " ") hold(false);
  });
});
