"use strict";
// The table of all verdicts: sorted, filtered and paged from the embedded data, a page at a time.
const PAGE = 25;

const COLUMNS = [
  { key: "outcome", title: "Outcome", value: (row) => row.order, text: true },
  { key: "candidate", title: "Candidate", value: (row) => row.candidate, text: true },
  { key: "check", title: "Check", value: (row) => row.check, text: true },
  { key: "segment", title: "Segment", value: (row) => (row.whole ? "" : row.label), text: true },
  { key: "drop", title: "Drop (interval)", value: (row) => row.drop, show: (row) => dropCell(row) },
  { key: "margin", title: "Margin", value: (row) => row.margin, show: (row) => row.tm },
  { key: "original", title: "Original", value: (row) => row.o, show: (row) => row.to },
  { key: "value", title: "Candidate value", value: (row) => row.a, show: (row) => row.ta },
  { key: "n", title: "n", value: (row) => row.n, show: (row) => count(row.n) },
  { key: "lost", title: "Lost / gained", value: (row) => row.lost, show: (row) => (row.lost === undefined || row.lost === null ? null : `${count(row.lost)} / ${count(row.gained)}`) },
  { key: "more", title: "Needs", value: (row) => row.more, show: (row) => (row.more ? `≈ ${count(row.more)}` : null) },
];

function count(value) {
  return value === undefined || value === null ? null : thousands.format(value);
}

function dropCell(row) {
  if (row.drop === null) return null;
  const cell = element("span", {}, element("b", {}, row.td), row.u);
  if (row.ti) cell.append(" ", element("span", { class: "interval" }, row.ti));
  return cell;
}

function table(data) {
  const state = { sort: "outcome", down: false, page: 0, rows: data.rows, open: new Set() };
  const columns = COLUMNS.filter((column) => used(column, data.rows));
  const filters = filterControls(data, () => { state.page = 0; refresh(); });
  const head = document.querySelector("#verdict-table thead");
  const body = document.querySelector("#verdict-table tbody");

  const sortBy = (column) => {
    if (state.sort === column.key) state.down = !state.down;
    else Object.assign(state, { sort: column.key, down: !column.text });
    state.page = 0;
    refresh();
  };
  const buttons = columns.map((column) => headerCell(column, sortBy));
  head.replaceChildren(element("tr", { role: "row" }, ...buttons));

  function refresh() {
    const column = columns.find((one) => one.key === state.sort);
    state.rows = data.rows.filter(filters.accepts).sort(order(column, state.down));
    columns.forEach((one, i) => buttons[i].setAttribute("aria-sort", one.key !== state.sort ? "none" : state.down ? "descending" : "ascending"));
    page();
  }

  function page() {
    const pages = Math.max(1, Math.ceil(state.rows.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const from = state.page * PAGE;
    const shown = state.rows.slice(from, from + PAGE);
    body.replaceChildren(...shown.flatMap((row) => bodyRows(row, columns, state.open)));
    if (!shown.length) body.append(element("tr", { role: "row", class: "alone" }, element("td", { role: "cell", colspan: columns.length, class: "none" }, "No verdict matches.")));
    const all = data.rows.length;
    document.getElementById("table-status").textContent =
      state.rows.length === all ? `${count(all)} verdicts, the worst first unless sorted.` : `${count(state.rows.length)} of ${count(all)} verdicts.`;
    document.getElementById("page-where").textContent = `${count(from + 1)} to ${count(from + shown.length)} of ${count(state.rows.length)}`;
    document.getElementById("pager").hidden = pages < 2;
    document.getElementById("page-previous").disabled = state.page === 0;
    document.getElementById("page-next").disabled = state.page === pages - 1;
  }

  const turn = (by) => { state.page += by; page(); document.getElementById("verdicts").scrollIntoView(); };
  document.getElementById("page-previous").addEventListener("click", () => turn(-1));
  document.getElementById("page-next").addEventListener("click", () => turn(1));
  refresh();
}

// A column in which nothing stands, or always the same name, says nothing.
function used(column, rows) {
  if (column.key === "outcome" || column.key === "segment") return true;
  if (column.text) return new Set(rows.map(column.value)).size > 1;
  return rows.some((row) => column.value(row) !== undefined && column.value(row) !== null);
}

function headerCell(column, sortBy) {
  const button = element("button", { type: "button" }, column.title, element("span", { class: "arrow", "aria-hidden": "true" }));
  button.addEventListener("click", () => sortBy(column));
  return element("th", { role: "columnheader", scope: "col", class: column.text ? null : "num", "data-key": column.key }, button);
}

function order(column, down) {
  const compare = column.text && column.key !== "outcome" ? (a, b) => a.localeCompare(b, "en", { numeric: true }) : (a, b) => a - b;
  return (one, other) => {
    const a = column.value(one);
    const b = column.value(other);
    const missing = Number(a === null || a === undefined) - Number(b === null || b === undefined);
    if (missing || a === null || a === undefined) return missing || one.order - other.order;
    return (down ? -compare(a, b) : compare(a, b)) || one.order - other.order;
  };
}

function filterControls(data, changed) {
  const text = document.getElementById("filter-text");
  const standing = document.getElementById("filter-standing");
  const present = data.standings.map((one, i) => [i, one]).filter(([i]) => data.rows.some((row) => row.s === i));
  const times = (test) => count(data.rows.filter(test).length);
  options(standing, [["", `all (${count(data.rows.length)})`],
    ...present.map(([i, one]) => [i, `${one.word}${one.blocks && /SUSPECT|INCONCLUSIVE/.test(one.word) ? ", blocking" : ""} (${times((row) => row.s === i)})`])]);
  const names = ["candidate", "check", "segmentation"].map((name) => [name, document.getElementById("filter-" + name)]);
  for (const [name, select] of names) {
    const values = data.words[name];
    options(select, [["", "all"], ...(name === "segmentation" ? [["whole", "the whole only"]] : []), ...values.map((value, i) => [i, value])]);
    select.parentElement.hidden = name === "segmentation" ? values.length === 0 : values.length < 2;
  }
  const keys = { candidate: "c", check: "k", segmentation: "g" };
  const form = document.getElementById("table-controls");
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", changed);
  return {
    accepts: (row) => {
      if (standing.value !== "" && row.s !== Number(standing.value)) return false;
      for (const [name, select] of names) {
        if (select.value === "whole" ? !row.whole : select.value !== "" && row[keys[name]] !== Number(select.value)) return false;
      }
      const wanted = text.value.trim().toLowerCase();
      return wanted === "" || haystack(row).includes(wanted);
    },
  };
}

function haystack(row) {
  row.words ??= `${row.candidate} ${row.check} ${row.label} ${row.w} ${row.why}`.toLowerCase();
  return row.words;
}

function bodyRows(row, columns, open) {
  const details = element("button", { type: "button", class: "more", "aria-expanded": open.has(row.order), "aria-label": `Details of ${row.check} ${row.label}` }, "▸");
  const first = element("td", { role: "cell", "data-key": "outcome" }, details, chip(row.standing, row.w));
  const cells = columns.slice(1).map((column) => bodyCell(row, column));
  const main = element("tr", { role: "row", class: "st-" + row.standing.key }, first, ...cells);
  details.addEventListener("click", () => {
    if (open.delete(row.order)) main.nextElementSibling.remove();
    else { open.add(row.order); main.after(detailRow(row, columns.length)); }
    details.setAttribute("aria-expanded", String(open.has(row.order)));
  });
  return open.has(row.order) ? [main, detailRow(row, columns.length)] : [main];
}

// On narrow screens a row is a card, and each cell names itself: `data-title` is what it is called there.
function bodyCell(row, column) {
  const named = { role: "cell", "data-key": column.key, "data-title": column.title };
  if (column.key === "segment") return element("td", { ...named, class: row.whole ? "whole" : "user" }, ...breakable(row.label), ...(row.critical ? [" ", element("span", { class: "tag" }, "critical")] : []));
  const shown = column.show ? column.show(row) : column.value(row);
  if (shown === null || shown === undefined || shown === "") return element("td", { ...named, class: column.text ? "missing" : "num missing" }, "–");
  return element("td", { ...named, class: column.text ? "user" : "num" }, shown);
}

// Products of segments may break between their parts, and nowhere else if it can be helped.
function breakable(label) {
  return label.split(/(?<=,)/).flatMap((part, i) => (i ? [element("wbr"), part] : [part]));
}

function detailRow(row, width) {
  const facts = [
    ["Why", row.why],
    ["Announced", row.expected],
    ["To settle it", row.more ? `about ${count(row.more)} more examples by what was seen here, ${row.if}` : null],
    ["Metric", row.metric === undefined ? null : DATA.words.metric[row.metric]],
    ["Interval", row.method === undefined ? null : DATA.words.method[row.method]],
    ["Tests", row.p],
    ["Notes", row.notes && row.notes.join("; ")],
    ["Warnings", row.warnings && row.warnings.join("; ")],
    ["Worst examples", row.worst && row.worst.join(", ")],
    ...(row.figures || []).map(([name, original, candidate, limit]) => [name, `${original} → ${candidate}${limit ? `, ${limit}` : ""}`]),
  ].filter(([, value]) => value);
  const list = element("dl", { class: "detail" }, ...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", { class: "user" }, value)]));
  return element("tr", { role: "row", class: "detail-row" }, element("td", { role: "cell", colspan: width }, list));
}
