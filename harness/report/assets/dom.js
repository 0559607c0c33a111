"use strict";
// Small helpers. Text only ever enters the page as text, never as markup.
const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function drawing(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(key, String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

function chip(standing, word) {
  return element("span", { class: "chip st-" + standing.key }, element("span", { class: "sign", "aria-hidden": "true" }, standing.sign), word);
}

function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, label]) => element("option", { value }, label)));
}

// Spreading a long list into Math.max would exhaust the stack.
const largest = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
const smallest = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);

const thousands = new Intl.NumberFormat("en-GB");

function read() {
  const stored = JSON.parse(document.getElementById("data").textContent);
  const words = stored.words;
  const rows = stored.rows.map((row, order) => ({
    ...row,
    order,
    standing: stored.standings[row.s],
    candidate: words.candidate[row.c],
    check: words.check[row.k],
    segmentation: row.g === undefined ? null : words.segmentation[row.g],
    label: row.l === undefined ? "whole" : row.l,
    whole: row.l === undefined,
    drop: row.d ? row.d[0] : null,
    low: row.d ? row.d[1] : null,
    high: row.d ? row.d[2] : null,
    margin: row.d ? row.d[3] : null,
  }));
  return { standings: stored.standings, words, rows, plots: stored.plots };
}
