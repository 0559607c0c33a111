"use strict";
// The forest plot: one mark with its interval per verdict, against the margin. It is drawn for the width it is given.
const FOREST = { row: 26, axis: 44, top: 24, first: 40 };

function forest(data) {
  const holder = document.getElementById("forest");
  if (!holder) return;
  const measured = data.rows.filter((row) => row.drop !== null);
  if (!measured.length) return;
  const groups = groupsOf(measured);
  const choice = document.getElementById("plot-group");
  const split = document.getElementById("plot-segmentation");
  const more = document.getElementById("plot-more");
  let all = false;

  options(choice, groups.map((group, i) => [i, `${group.candidate} · ${group.check}`]));
  const chosen = () => groups[Number(choice.value)];
  const splits = () => {
    const names = [...new Set(chosen().rows.filter((row) => !row.whole).map((row) => row.segmentation))];
    options(split, [["", "everything"], ...names.map((name) => [name, name])]);
    if (names.length > 1) split.value = worstSplit(chosen().rows);
    split.parentElement.hidden = names.length < 2;
  };
  const draw = () => {
    const rows = chosen().rows.filter((row) => row.whole || split.value === "" || row.segmentation === split.value);
    rows.sort((a, b) => Number(b.whole) - Number(a.whole) || a.order - b.order);
    const shown = all ? rows : rows.slice(0, FOREST.first);
    holder.replaceChildren(plot(shown, Math.max(280, holder.clientWidth), chosen()));
    legend(shown);
    more.hidden = rows.length <= FOREST.first;
    more.textContent = all ? `Show the worst ${FOREST.first}` : `Show all ${thousands.format(rows.length)}`;
    const silent = data.rows.filter((row) => row.candidate === chosen().candidate && row.check === chosen().check && row.drop === null).length;
    document.getElementById("plot-note").textContent =
      (all || rows.length <= FOREST.first ? "" : `The worst ${FOREST.first} of ${thousands.format(rows.length)}. `) +
      (silent ? `${thousands.format(silent)} without an estimate are not drawn. ` : "") +
      "Point at a mark for its figures; the table below holds them all.";
  };
  choice.addEventListener("change", () => { all = false; splits(); draw(); });
  split.addEventListener("change", () => { all = false; draw(); });
  more.addEventListener("click", () => { all = !all; draw(); });
  document.getElementById("plot-controls").hidden = false;
  choice.parentElement.hidden = groups.length < 2;
  splits();
  draw();
  let width = holder.clientWidth;
  new ResizeObserver(() => {
    if (holder.clientWidth !== width) { width = holder.clientWidth; requestAnimationFrame(draw); }
  }).observe(holder);
}

// The group with the worst verdict first; among equals the one with most to show.
function groupsOf(rows) {
  const found = new Map();
  for (const row of rows) {
    const key = JSON.stringify([row.c, row.k]);
    if (!found.has(key)) found.set(key, { candidate: row.candidate, check: row.check, rows: [] });
    found.get(key).rows.push(row);
  }
  return [...found.values()].sort((a, b) => interest(a.rows[0]) - interest(b.rows[0]) || b.rows.length - a.rows.length);
}

// As in the table, but an announced failure is more worth a look than what is merely unproven.
function interest(row) {
  return row.standing.key === "warned" ? row.s + 1.5 : row.s;
}

function worstSplit(rows) {
  const worst = rows.find((row) => !row.whole);
  return worst ? worst.segmentation : "";
}

function plot(rows, width, group) {
  const wide = width >= 640;
  const longest = largest(rows.map((row) => [...row.label].length));
  const label = Math.round(Math.min(longest * 6.9 + 14, width * (wide ? 0.3 : 0.36)));
  const figures = wide ? 150 : 0;
  const area = { left: label + 10, right: width - figures - 12 };
  const height = FOREST.top + rows.length * FOREST.row + FOREST.axis;
  const bottom = height - FOREST.axis;
  const range = rangeOf(rows);
  const x = (value) => area.left + ((value - range[0]) / (range[1] - range[0])) * (area.right - area.left);
  const unit = rows[0].u;
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, class: "forest", role: "img",
    "aria-label": `Drops of ${group.candidate}, ${group.check}, with intervals, against the margin; the table below holds the same figures` });
  rows.forEach((row, i) => svg.append(...backdrop(row, i, x, area, range, width)));
  svg.append(...axis(range, x, area, bottom, unit));
  svg.append(drawing("line", { class: "zero", x1: x(0), x2: x(0), y1: FOREST.top - 4, y2: bottom }));
  svg.append(...marginName(rows, x, area));
  rows.forEach((row, i) => svg.append(...line(row, i, { x, area, range, label, figures, width })));
  return svg;
}

// The range shows every point and margin; very wide intervals are cut, and end in an arrow.
function rangeOf(rows) {
  const points = rows.map((row) => row.drop);
  const margins = rows.map((row) => row.margin).filter((value) => value !== null);
  const ends = rows.flatMap((row) => [row.low, row.high]).filter((value) => value !== null);
  const reach = largest([...margins, ...points.map(Math.abs), 1e-9]) * 2.2;
  const low = smallest([0, ...points, ...margins.map((value) => -value), ...ends.filter((value) => value > -reach)]);
  const high = largest([0, ...points, ...margins.map((value) => 1.5 * value), ...ends.filter((value) => value < reach)]);
  const edge = (high - low) * 0.04 || 1;
  return [low - edge, high + edge];
}

function backdrop(row, i, x, area, range, width) {
  const y = FOREST.top + i * FOREST.row;
  const parts = [drawing("rect", { class: i % 2 ? "stripe" : "stripe even", x: 0, y, width, height: FOREST.row })];
  if (row.margin !== null && row.margin < range[1]) {
    const from = Math.max(x(row.margin), area.left);
    parts.push(drawing("rect", { class: "beyond", x: from, y, width: Math.max(0, area.right + 6 - from), height: FOREST.row }));
    parts.push(drawing("line", { class: "margin", x1: from, x2: from, y1: y, y2: y + FOREST.row }));
  }
  return parts;
}

function marginName(rows, x, area) {
  const row = rows.find((candidate) => candidate.margin !== null);
  if (!row) return [];
  const at = x(row.margin);
  const end = at > (area.left + area.right) / 2;
  return [drawing("text", { class: "name", x: at + (end ? -4 : 4), y: FOREST.top - 9, "text-anchor": end ? "end" : "start" }, `margin ${row.tm}`)];
}

function axis(range, x, area, bottom, unit) {
  const step = niceStep((range[1] - range[0]) / Math.max(3, (area.right - area.left) / 90));
  const parts = [drawing("line", { class: "axis", x1: area.left, x2: area.right, y1: bottom, y2: bottom })];
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (let tick = Math.ceil(range[0] / step) * step; tick <= range[1]; tick += step) {
    parts.push(drawing("line", { class: "axis", x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4 }));
    const text = (Math.abs(tick) < step / 1e6 ? 0 : tick).toFixed(digits).replace("-", "−");
    parts.push(drawing("text", { class: "tick", x: x(tick), y: bottom + 17, "text-anchor": "middle" }, text));
  }
  const words = { pp: "drop in percentage points, right is worse", "%rel": "drop in per cent of the original's value, right is worse" };
  parts.push(drawing("text", { class: "name", x: (area.left + area.right) / 2, y: bottom + 35, "text-anchor": "middle" }, words[unit] || "drop, right is worse"));
  return parts;
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * 0.999);
}

function line(row, i, { x, area, range, label, figures, width }) {
  const y = FOREST.top + (i + 0.5) * FOREST.row;
  const name = drawing("text", { class: row.whole ? "label strong" : "label", x: label, y: y + 4, "text-anchor": "end" }, cut(row.label, label / 6.9));
  name.append(drawing("title", {}, row.label));
  const mark = drawing("g", { class: `mark st-${row.standing.key}`, "data-label": row.label });
  mark.append(drawing("title", {}, `${row.label}: ${row.w}, drop ${row.td}${row.u}${row.ti ? ` (${row.ti})` : ""}, margin ${row.tm ?? "none"}, n = ${thousands.format(row.n)}`));
  if (row.low !== null && row.high !== null) mark.append(...interval(row, y, x, range));
  mark.append(shape(row, x(row.drop), y));
  const parts = [name, mark];
  if (figures) {
    parts.push(drawing("text", { class: "figures", x: width - 4, y: y + 4, "text-anchor": "end" }, `${row.td}${row.ti ? ` (${row.ti})` : ""}`));
  }
  return parts;
}

function interval(row, y, x, range) {
  const from = Math.max(row.low, range[0]);
  const to = Math.min(row.high, range[1]);
  const parts = [drawing("line", { class: "whisker", x1: x(from), x2: x(to), y1: y, y2: y })];
  parts.push(from > row.low ? arrow(x(from), y, -1) : drawing("line", { class: "whisker", x1: x(from), x2: x(from), y1: y - 4, y2: y + 4 }));
  parts.push(to < row.high ? arrow(x(to), y, 1) : drawing("line", { class: "whisker", x1: x(to), x2: x(to), y1: y - 4, y2: y + 4 }));
  return parts;
}

function arrow(x, y, way) {
  return drawing("path", { class: "whisker", d: `M${x - way * 5} ${y - 4} L${x} ${y} L${x - way * 5} ${y + 4}`, fill: "none" });
}

// Shapes tell outcomes apart without colour.
function shape(row, x, y) {
  const key = row.standing.key;
  if (row.whole) return drawing("path", { class: "shape", d: `M${x} ${y - 7} L${x + 7} ${y} L${x} ${y + 7} L${x - 7} ${y} Z` });
  if (key === "fail" || key === "unexpected") return drawing("rect", { class: "shape", x: x - 5, y: y - 5, width: 10, height: 10 });
  if (key.includes("suspect")) return drawing("path", { class: "shape", d: `M${x} ${y - 6} L${x + 6} ${y + 5} L${x - 6} ${y + 5} Z` });
  if (key === "pass") return drawing("circle", { class: "shape", cx: x, cy: y, r: 4.5 });
  return drawing("circle", { class: "shape hollow", cx: x, cy: y, r: 4.5 });
}

function legend(rows) {
  const named = [];
  const name = (row, words) => { if (row) named.push([row, words]); };
  name(rows.find((row) => row.whole), "the whole");
  for (const key of new Set(rows.filter((row) => !row.whole).map((row) => row.standing.key))) {
    const row = rows.find((one) => !one.whole && one.standing.key === key);
    name(row, `${row.w}: ${row.standing.meaning}`);
  }
  document.getElementById("plot-legend").replaceChildren(...named.map(([row, words]) => element("li", {},
    drawing("svg", { viewBox: "0 0 16 16", class: `st-${row.standing.key}`, "aria-hidden": "true" }, shape(row, 8, 8)), words)));
}

function cut(text, most) {
  const letters = [...text];
  return letters.length <= most ? text : letters.slice(0, Math.max(3, Math.floor(most) - 1)).join("") + "…";
}
