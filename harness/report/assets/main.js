"use strict";
const DATA = read();
forest(DATA);
pareto(DATA);
table(DATA);
// Paper cannot be unfolded.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
document.documentElement.dataset.ready = "true";
