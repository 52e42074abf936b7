// What every other script builds on: elements whose texts are only ever text.
"use strict";
window.goldenseed = {};
((page) => {
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
  const KEPT = "\n\t\u200c\u200d";
  const SVG = "http://www.w3.org/2000/svg";

  document.documentElement.classList.add("js");
  page.byId = (id) => document.getElementById(id);

  // Control, bidirectional and other unseen characters, written as ⟨U+202E⟩.
  page.visible = (text) => String(text).replace(UNSEEN, (one) => KEPT.includes(one)
    ? one : `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
      else element.setAttribute(name, value === true ? "" : page.visible(value));
    }
    for (const child of children.flat(9)) {
      if (child === null || child === undefined || child === false || child === "") continue;
      element.append(child instanceof Node ? child : page.visible(child));
    }
    return element;
  }

  // el("p", {class: "x", onclick: f}, "text", other): no string is ever read as markup.
  page.el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  page.svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  page.count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  page.address = (path) => path.split("/").map(encodeURIComponent).join("/");
  page.clear = (element) => element.replaceChildren();

  page.remember = (key, value) => {
    try { localStorage.setItem(`goldenseed:${key}`, JSON.stringify(value)); } catch { /* not allowed: the page forgets */ }
  };
  page.recall = (key) => {
    try { return JSON.parse(localStorage.getItem(`goldenseed:${key}`)); } catch { return null; }
  };

  page.copy = async (button, code) => {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  };
})(window.goldenseed);
