"use strict";
// Drops against size or speed: one mark per candidate with the interval of its drop, and the front that no other beats.
const PARETO = { height: 330, top: 34, axis: 46, left: 46, letter: 6.7, line: 15, far: 4, named: 30 };

function pareto(data) {
  for (const holder of document.querySelectorAll(".pareto")) {
    const plot = data.plots.find((one) => one.key === holder.dataset.plot);
    if (!plot) continue;
    const draw = () => holder.replaceChildren(scatter(plot, data.standings, Math.max(250, holder.clientWidth)));
    draw();
    let width = holder.clientWidth;
    new ResizeObserver(() => {
      if (holder.clientWidth !== width) { width = holder.clientWidth; requestAnimationFrame(draw); }
    }).observe(holder);
  }
}

function scatter(plot, standings, width) {
  const area = { left: PARETO.left, right: width - 12, top: PARETO.top, bottom: PARETO.height - PARETO.axis };
  const scale = { ...across(plot, area), ...upwards(plot, area) };
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${PARETO.height}`, class: "forest scatter", role: "group",
    "aria-label": `${plot.title}: one mark per candidate; the table above holds the same figures` });
  svg.append(...sideAxis(plot, scale, area), ...footAxis(plot, scale, area), ...references(plot, scale, area));
  svg.append(drawing("path", { class: "front", d: frontPath(plot, scale, area) }));
  const tip = drawing("g", { class: "tip", visibility: "hidden", "aria-hidden": "true" });
  const marks = plot.points.map((point) => candidateMark(point, standings[point.s], scale, area, (words, x, y) => showTip(tip, words, x, y, width)));
  for (const mark of marks) {
    mark.addEventListener("pointerleave", () => hideTip(tip));
    mark.addEventListener("blur", () => hideTip(tip));
    mark.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(tip); });
  }
  svg.append(...marks, ...names(plot, scale, area), tip);
  return svg;
}

// From zero; in powers of ten where the largest is many times the smallest.
function across(plot, area) {
  const values = [...plot.points.map((point) => point.x), ...(plot.original ? [plot.original] : [])];
  const [low, high] = [smallest(values), largest(values)];
  const span = area.right - area.left;
  if (high / low > 20) {
    const [from, to] = [Math.log(low / 1.25), Math.log(high * 1.25)];
    return { x: (value) => area.left + ((Math.log(value) - from) / (to - from)) * span, from: low / 1.25, to: high * 1.25, log: true };
  }
  const to = high * 1.08;
  return { x: (value) => area.left + (value / to) * span, from: 0, to, log: false };
}

// The range shows what lies around the margin; a drop many margins above it is drawn at the edge, as an arrow.
function upwards(plot, area) {
  const drops = plot.points.map((point) => point.drop);
  const limit = plot.margin > 0 ? plot.margin * PARETO.far : Infinity;
  const near = drops.filter((drop) => drop <= limit);
  const shown = near.length ? near : drops;
  const reach = largest([plot.margin || 0, ...shown.map(Math.abs), 1e-9]) * 2.2;
  const ends = plot.points.flatMap((point) => [point.low, point.high]).filter((end) => end !== null && Math.abs(end) < reach);
  let [low, high] = [smallest([0, ...shown, ...ends]), largest([0, ...shown, ...ends, (plot.margin || 0) * 1.2])];
  const edge = (high - low) * 0.06 || 1;
  low -= edge;
  high += edge;
  const y = (value) => area.bottom - ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (area.bottom - area.top);
  return { y, low, high, beyond: (point) => point.drop > high };
}

function sideAxis(plot, scale, area) {
  const step = niceStep((scale.high - scale.low) / 5);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const parts = [];
  for (let tick = Math.ceil(scale.low / step) * step; tick <= scale.high; tick += step) {
    const zero = Math.abs(tick) < step / 1e6;
    parts.push(drawing("line", { class: zero ? "zero" : "grid", x1: area.left, x2: area.right, y1: scale.y(tick), y2: scale.y(tick) }));
    parts.push(drawing("text", { class: "tick", x: area.left - 6, y: scale.y(tick) + 4, "text-anchor": "end" }, (zero ? 0 : tick).toFixed(digits).replace("-", "−")));
  }
  const words = { pp: "drop in percentage points", "%rel": "drop in per cent of the original's value" };
  parts.push(drawing("text", { class: "name", x: 4, y: 13 }, `${words[plot.unit] || "drop"}, lower is better`));
  return parts;
}

function footAxis(plot, scale, area) {
  const parts = [drawing("line", { class: "axis", x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom })];
  for (const tick of ticksAcross(scale, area)) {
    parts.push(drawing("line", { class: "axis", x1: scale.x(tick), x2: scale.x(tick), y1: area.bottom, y2: area.bottom + 4 }));
    parts.push(drawing("text", { class: "tick", x: scale.x(tick), y: area.bottom + 17, "text-anchor": "middle" }, plot.key === "size" ? bytes(tick) : `${short(tick)}×`));
  }
  const most = (area.right - area.left + PARETO.left) / 5.8;
  parts.push(drawing("text", { class: "name", x: (area.left + area.right) / 2, y: area.bottom + 36, "text-anchor": "middle" }, cut(`${plot.axis}, left is better`, most)));
  return parts;
}

function ticksAcross(scale, area) {
  const wanted = [];
  if (scale.log) {
    for (let power = Math.floor(Math.log10(scale.from)); power <= Math.log10(scale.to); power += 1) {
      wanted.push(...[1, 2, 5].map((factor) => factor * 10 ** power));
    }
  } else {
    const step = niceStep(scale.to / Math.max(3, (area.right - area.left) / 80));
    for (let tick = 0; tick <= scale.to; tick += step) wanted.push(tick);
  }
  let last = -Infinity;
  return wanted.filter((tick) => {
    const at = scale.x(tick);
    if (tick < scale.from || tick > scale.to || at - last < 46) return false;
    last = at;
    return true;
  });
}

function short(value) {
  return String(Number(value.toPrecision(3)));
}

function bytes(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = value > 0 ? Math.min(Math.max(Math.floor(Math.log10(value) / 3 + 1e-9), 0), units.length - 1) : 0;
  return `${short(value / 1000 ** power)} ${units[power]}`;
}

function references(plot, scale, area) {
  const parts = [];
  if (plot.margin !== null && plot.margin < scale.high && plot.margin > scale.low) {
    const y = scale.y(plot.margin);
    parts.push(drawing("line", { class: "margin", x1: area.left, x2: area.right, y1: y, y2: y }));
    parts.push(drawing("text", { class: "name", x: area.right, y: y - 5, "text-anchor": "end" }, `margin ${plot.marginText}`));
  }
  if (plot.original) {
    const x = scale.x(plot.original);
    parts.push(drawing("line", { class: "reference", x1: x, x2: x, y1: area.top, y2: area.bottom }));
    const end = x > (area.left + area.right) / 2;
    parts.push(drawing("text", { class: "name", x: x + (end ? -4 : 4), y: area.top - 5, "text-anchor": end ? "end" : "start" }, "the original"));
  }
  return parts;
}

// Everything above and to the right of this line is beaten by a candidate on it.
function frontPath(plot, scale, area) {
  const best = plot.points.filter((point) => point.front).sort((a, b) => a.x - b.x);
  const steps = best.map((point, i) => `L${scale.x(point.x)} ${i ? scale.y(best[i - 1].drop) : area.top} L${scale.x(point.x)} ${scale.y(point.drop)}`);
  return best.length ? `M${scale.x(best[0].x)} ${area.top} ${steps.join(" ")} L${area.right} ${scale.y(best[best.length - 1].drop)}` : "";
}

function candidateMark(point, standing, scale, area, show) {
  const [x, y] = [scale.x(point.x), scale.y(point.drop)];
  const words = [point.name, point.tx, `drop ${point.td}${point.ti ? ` (${point.ti})` : ""}`, point.decision];
  if (point.front) words.push("no other is better in both");
  const mark = drawing("g", { class: `mark st-${standing.key}`, tabindex: 0, role: "img", "aria-label": words.join(", "), "data-name": point.name });
  mark.append(drawing("circle", { class: "hit", cx: x, cy: y, r: 13 }));
  if (point.low !== null && point.high !== null) {
    mark.append(drawing("line", { class: "whisker", x1: x, x2: x, y1: scale.y(point.low), y2: scale.y(point.high) }));
  }
  mark.append(scale.beyond(point)
    ? drawing("path", { class: "shape", d: `M${x} ${area.top - 3} L${x + 7} ${area.top + 9} L${x - 7} ${area.top + 9} Z` })
    : shape({ whole: false, standing }, x, y));
  for (const kind of ["pointerenter", "focus", "click"]) mark.addEventListener(kind, () => show(words, x, y));
  return mark;
}

// Names are put where nothing else is, with a line to the mark when that is not beside it; the front's come first.
function names(plot, scale, area) {
  const taken = plot.points.map((point) => around(scale.x(point.x), scale.y(point.drop), 7));
  const whiskers = plot.points.filter((point) => point.low !== null && point.high !== null).map((point) => {
    const x = scale.x(point.x);
    return { left: x - 2, right: x + 2, top: scale.y(point.high), bottom: scale.y(point.low) };
  });
  const parts = [];
  const order = [...plot.points].sort((a, b) => Number(b.front) - Number(a.front)).slice(0, PARETO.named);
  for (const point of order) {
    const words = cut(point.name, 24) + (scale.beyond(point) ? ` ${point.td}` : "");
    const [x, y] = [scale.x(point.x), scale.y(point.drop)];
    const found = freePlace(words, x, y, [...taken, ...whiskers], area, area.left - 4) || freePlace(words, x, y, taken, area, 2);
    if (!found) continue;
    taken.push(found.box);
    if (found.far) parts.push(drawing("line", { class: "leader", x1: x, y1: y, x2: found.end ? found.box.right : found.box.left, y2: found.y - 4 }));
    parts.push(drawing("text", { class: point.front ? "label strong" : "label", x: found.x, y: found.y, "text-anchor": found.end ? "end" : "start" }, words));
  }
  return parts;
}

function around(x, y, half) {
  return { left: x - half, right: x + half, top: y - half, bottom: y + half };
}

function freePlace(words, x, y, taken, area, least) {
  const width = [...words].length * PARETO.letter;
  for (const rise of [0, -13, 13, -26, 26, -39, 39, -54, 54, -70, 70]) {
    for (const end of [false, true]) {
      const at = { x: x + (end ? -11 : 11), y: y + 4 + rise };
      const box = { left: end ? at.x - width : at.x, right: end ? at.x : at.x + width, top: at.y - 11, bottom: at.y + 3 };
      const inside = box.left >= least && box.right <= area.right + 10 && box.top >= area.top - 2 && box.bottom <= area.bottom - 1;
      if (inside && !taken.some((other) => overlap(box, other))) return { ...at, end, box, far: Math.abs(rise) > 13 };
    }
  }
  return null;
}

function overlap(one, other) {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

function showTip(tip, words, x, y, width) {
  const box = { width: largest(words.map((word) => [...word].length)) * PARETO.letter + 20, height: words.length * PARETO.line + 12 };
  const left = Math.max(2, Math.min(x + 14 + box.width <= width ? x + 14 : x - 14 - box.width, width - box.width - 2));
  const top = Math.max(2, Math.min(y - box.height / 2, PARETO.height - box.height - 2));
  tip.replaceChildren(drawing("rect", { x: left, y: top, width: box.width, height: box.height, rx: 4 }),
    ...words.map((word, i) => drawing("text", { class: i ? "label" : "label strong", x: left + 10, y: top + 17 + i * PARETO.line }, word)));
  tip.setAttribute("visibility", "visible");
}

function hideTip(tip) {
  tip.setAttribute("visibility", "hidden");
  tip.replaceChildren();
}
