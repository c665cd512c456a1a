"use strict";
const all = (query, within = document) => [...within.querySelectorAll(query)];
const element = (name, attributes = {}, text = "") =>
  Object.assign(document.createElement(name), attributes, text ? { textContent: text } : {});

// Light and dark
const root = document.documentElement;
const isDark = () => getComputedStyle(root).colorScheme === "dark"
  || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
const setTheme = name => { root.dataset.theme = name; repaint(); };
const themeButton = document.querySelector("#theme");
themeButton.hidden = false;
themeButton.onclick = () => setTheme(isDark() ? "light" : "dark");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaint());

// Tables that are sorted by a click on a heading
const UNITS = { k: 1e3, M: 1e6, G: 1e9 };
const asNumber = text => {
  const found = text.replace(/,/g, "").replace("−", "-").match(/-?\d+(\.\d+)?(e[-+]?\d+)?/);
  return found ? Number(found[0]) * (UNITS[text.trim().slice(-1)] || 1) : NaN;
};
const compareCells = (first, second) => {
  const numbers = [asNumber(first), asNumber(second)];
  if (numbers.every(Number.isNaN)) return first.localeCompare(second);
  return numbers.some(Number.isNaN) ? 0 : numbers[0] - numbers[1];
};
function sortTable(table, heading) {
  const column = heading.cellIndex;
  const words = heading.classList.contains("words");
  const descending = heading.ariaSort === "ascending" || (heading.ariaSort !== "descending" && heading.dataset.first === "descending");
  for (const other of all("thead th", table)) other.ariaSort = "none";
  heading.ariaSort = descending ? "descending" : "ascending";
  for (const body of table.tBodies) {
    const rows = all("tr:not(.heading)", body).map(row => [row, row.cells[column]?.textContent.trim() ?? ""]);
    // What is empty stays last, whichever way the rest is sorted.
    const order = ([, first], [, second]) => (first === "") - (second === "") || (first === "" ? 0
      : (descending ? -1 : 1) * (words ? first.localeCompare(second) : compareCells(first, second)));
    body.append(...rows.sort(order).map(([row]) => row));
  }
}
for (const table of all("table")) for (const heading of all("thead th:not(.fixed)", table)) {
  const button = element("button", { type: "button" }, heading.textContent);
  heading.replaceChildren(button);
  heading.ariaSort = "none";
  heading.dataset.first = ["accuracy", "images/s", "to best"].includes(button.textContent) ? "descending" : "ascending";
  button.onclick = () => sortTable(table, heading);
}

// Filters of a table and the chart beside it
function filter(form) {
  const section = form.closest("section");
  const rows = all("tr[data-entry]", section);
  const words = form.elements.words.value.toLowerCase();
  const traits = all("select", form).map(choice => choice.value).filter(Boolean);
  const budget = form.elements.budget.value === "" ? Infinity : Number(form.elements.budget.value);
  for (const row of rows) row.hidden = !(row.textContent.toLowerCase().includes(words) && Number(row.dataset.nfe) <= budget
    && traits.every(trait => row.dataset.traits.split("|").includes(trait)));
  const shown = rows.filter(row => !row.hidden).map(row => Number(row.dataset.entry));
  form.querySelector("output").textContent = `${shown.length} of ${rows.length} entries; ranks are among all`;
  const chart = section.querySelector(`[data-chart="${section.id}-cost"]`);
  if (chart?.data) Plotly.restyle(chart, { selectedpoints: chart.data.map(trace => trace.customdata && shown.length < rows.length
    ? trace.customdata.flatMap((entry, place) => shown.includes(entry) ? [place] : []) : null) });
}
for (const form of all("form.filters")) {
  form.hidden = false;
  form.oninput = () => filter(form);
  form.onsubmit = event => event.preventDefault();
  filter(form);
}

// A link to an entry opens it
function openLinked() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target?.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); target.querySelector("summary").focus(); }
}
addEventListener("hashchange", openLinked);
for (const link of all('td.name a[href^="#"]')) link.addEventListener("click", () => setTimeout(openLinked));

// Data and chart library lie in the page, compressed
async function inflate(id) {
  const text = atob(document.getElementById(id).textContent), bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) bytes[place] = text.charCodeAt(place);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}
const payload = document.getElementById("payload") ? inflate("payload").then(JSON.parse) : null;

// Charts are drawn when they come into view
const charts = new Map();
let library = null;
const loadLibrary = () => library ??= inflate("library").then(source => document.head.append(element("script", { textContent: source })));
const themeLayout = () => {
  const { color, backgroundColor } = getComputedStyle(document.body);
  const axis = { gridcolor: "rgba(125,133,144,.25)", zerolinecolor: "rgba(125,133,144,.4)", automargin: true };
  return { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color, family: "system-ui, sans-serif", size: 12 },
    hoverlabel: { bgcolor: backgroundColor, bordercolor: color, font: { color }, align: "left" },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", template: { layout: { xaxis: axis, yaxis: axis } } };
};
function repaint() {
  const { font, hoverlabel } = themeLayout();
  for (const chart of charts.keys()) if (chart.data) Plotly.relayout(chart, { font, hoverlabel });
}
function draw(chart) {
  if (!charts.has(chart)) charts.set(chart, paint(chart));
  return charts.get(chart);
}
async function paint(chart) {
  const [content] = await Promise.all([payload, loadLibrary()]);
  const { data, layout } = content.charts[chart.dataset.chart];
  const square = chart.closest(".square") ? chart.clientWidth + 40 : Infinity;
  const height = Math.min(parseInt(chart.style.minHeight), square);
  chart.style.minHeight = "";
  await Plotly.newPlot(chart, data, { ...themeLayout(), ...layout, height },
    { displayModeBar: false, responsive: true });
  chart.on("plotly_hover", event => say(chart, event.points[0]));
  const form = chart.closest("section").querySelector("form.filters");
  if (form) filter(form);
}
const say = (chart, point) => {
  const text = point.customdata?.trim?.() || point.text || point.data.hovertemplate || "";
  const plain = new DOMParser().parseFromString(String(text).replaceAll("<br>", ", "), "text/html").body.textContent;
  chart.closest("figure").querySelector("output").textContent = plain.includes("%{") ? `${point.x}: ${point.y}` : plain;
};
const inView = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) { inView.unobserve(target); draw(target); }
}, { rootMargin: "200px" });
for (const chart of all("[data-chart]")) {
  inView.observe(chart);
  chart.addEventListener("keydown", event => walk(chart, event));
}

// Arrow keys go through a chart's points as a mouse would
function places(trace, curve) {
  if (trace.type === "heatmap") return trace.z.flatMap((row, y) => row.map((_, x) => ({ curveNumber: curve, pointNumber: [y, x], x, y })));
  const xs = trace.x ?? trace.y.map((_, place) => place);
  return trace.hoverinfo === "skip" ? [] : [...xs].map((x, place) => ({ curveNumber: curve, pointNumber: place, x, y: -trace.y[place] }));
}
function walk(chart, event) {
  const axis = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", -1], ArrowDown: ["y", 1] }[event.key];
  if (!axis || !chart.data) return;
  event.preventDefault();
  const [name, step] = axis, other = name === "x" ? "y" : "x";
  const heatmap = chart.data[0].type === "heatmap";
  const order = chart.data.flatMap(places).sort((first, second) => first[name] - second[name] || first[other] - second[other]);
  const line = heatmap && chart.at ? order.filter(point => point[other] === chart.at[other]) : order;
  const now = line.findIndex(point => chart.at && point.curveNumber === chart.at.curveNumber && point.x === chart.at.x && point.y === chart.at.y);
  chart.at = line[Math.min(line.length - 1, Math.max(0, now + step))] ?? order[0];
  const trace = chart.data[chart.at.curveNumber];
  Plotly.Fx.hover(chart, [{ curveNumber: chart.at.curveNumber, pointNumber: chart.at.pointNumber }]);
  const pick = of => Array.isArray(of) ? [].concat(chart.at.pointNumber).reduce((found, place) => found?.[place], of) : of;
  say(chart, { x: chart.at.x, y: trace.y[chart.at.pointNumber] ?? "", text: pick(trace.text), customdata: heatmap ? pick(trace.customdata) : undefined, data: trace });
}

// Two entries image by image
const CODE = 48, RIGHT = 0, NOT_FINITE = 1, FIRST_CLASS = 2, MOST = 60;
const classOf = code => code === NOT_FINITE ? "?" : code - FIRST_CLASS;
const nameOf = (track, code) => track.names[code - FIRST_CLASS] ?? classOf(code);
const formatSigned = value => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(4);
async function compare(section) {
  const track = (await payload).tracks[section.dataset.track];
  const chosen = all("select", section).map(choice => Number(choice.value));
  const codes = chosen.map(entry => track.entries[entry].codes);
  const only = [[], []];
  let both = 0;
  for (let image = 0; image < track.labels.length; image++) {
    const right = codes.map(of => of.charCodeAt(image) - CODE === RIGHT);
    if (right[0] && right[1]) both++;
    else if (right[0] || right[1]) only[right[0] ? 0 : 1].push(image);
  }
  section.querySelector("[role=status]").textContent = verdict(track, chosen, both, only);
  all(".tiles", section).forEach((list, side) => {
    const button = list.nextElementSibling;
    const more = from => {
      list.append(...only[side].slice(from, from + MOST).map(image => tile(track, codes[1 - side], image)));
      button.hidden = from + MOST >= only[side].length;
      button.textContent = `Show more of ${only[side].length}`;
      button.onclick = () => more(from + MOST);
    };
    list.replaceChildren();
    more(0);
    if (!only[side].length) list.append(element("li", {}, "no image"));
  });
}
function verdict(track, [first, second], both, only) {
  const count = track.labels.length, counts = `both right ${both}, only A ${only[0].length}, only B ${only[1].length}, neither ${count - both - only[0].length - only[1].length}`;
  if (first === second) return `A and B are the same entry: ${counts}.`;
  const swapped = first > second, [low, high] = [Math.min(first, second), Math.max(first, second)], entries = track.entries.length;
  const place = low * entries - low * (low + 1) / 2 + high - low - 1;
  let [value, from, to, p] = track.pairs[place];
  if (swapped) [value, from, to] = [-value, -to, -from];
  const meant = p < 0.05 ? (value > 0 ? "A is better" : "B is better") : "the two cannot be told apart";
  return `Accuracy of A minus B: ${formatSigned(value)} (${formatSigned(from)} to ${formatSigned(to)}), p ${p < 0.001 ? "<0.001" : p.toFixed(3)} of this pair alone: ${meant}. Of ${count.toLocaleString("en")} images: ${counts}.`;
}
function tile(track, codes, image) {
  const [truth, taken] = [track.labels, codes].map(of => nameOf(track, of.charCodeAt(image) - CODE));
  const item = element("li"), place = track.tiles ? track.tiles.index.indexOf(image) : -1;
  if (place >= 0) {
    const picture = element("span", { className: "tile", role: "img", ariaLabel: `Image ${image}, a ${truth} taken for ${taken}` });
    const { across, down } = track.tiles, share = (at, of) => of > 1 ? 100 * at / (of - 1) : 0;
    picture.style.backgroundPosition = `${share(place % across, across)}% ${share(Math.floor(place / across), down)}%`;
    item.append(picture);
  }
  item.append(`${truth} not ${taken} #${image}`);
  return item;
}
for (const section of all(".compare")) {
  section.hidden = false;
  section.oninput = () => compare(section);
  compare(section);
}

// Files to save, and what a record says
function save(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text])), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
async function predictions(name) {
  const track = (await payload).tracks[name], quoted = text => `"${text.replaceAll('"', '""')}"`;
  const lines = [["image", "label", ...track.entries.map(entry => quoted(entry.label))]];
  for (let image = 0; image < track.labels.length; image++) {
    const label = classOf(track.labels.charCodeAt(image) - CODE);
    const found = track.entries.map(entry => entry.codes.charCodeAt(image) - CODE);
    lines.push([image, label, ...found.map(code => code === RIGHT ? label : code === NOT_FINITE ? "" : classOf(code))]);
  }
  save(`${name}-predictions.csv`, lines.map(line => line.join(",")).join("\n") + "\n");
}
if (payload) document.getElementById("save").hidden = false;
for (const button of all("[data-save]")) button.onclick = async () => save(button.dataset.save, (await payload).files[button.dataset.save]);
for (const button of all("[data-images]")) button.onclick = () => predictions(button.dataset.images);
for (const part of all("details.document")) part.addEventListener("toggle", async () => {
  part.querySelector("pre").textContent = (await payload).files[part.dataset.file];
});
addEventListener("beforeprint", () => { root.dataset.before = root.dataset.theme ?? ""; setTheme("light"); });
addEventListener("afterprint", () => { root.dataset.before ? setTheme(root.dataset.before) : (delete root.dataset.theme, repaint()); });
openLinked();
