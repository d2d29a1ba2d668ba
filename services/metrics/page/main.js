// The dashboard: filters live in the address, figures come from the HTTP API, charts are specifications drawn by Vega-Lite.
import { ask, Problem } from "./api.js";
import { cards, drawAll, redraw } from "./charts.js";

const form = document.getElementById("filters");
const RANGES = { "24h": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365 };
const FITTING = { "24h": "hour", "7d": "day", "30d": "day", "90d": "day", "365d": "week" };
const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
let asked = 0;

function readAddress() {
  const held = new URLSearchParams(location.search);
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = held.get(field.name);
    if (value && ![...field.options].some((option) => option.value === value)) field.add(new Option(value, value));
    field.value = value ?? field.querySelector("[selected]")?.value ?? field.options[0].value;
  }
}

function writeAddress() {
  const kept = new URLSearchParams();
  for (const field of form.elements) {
    if (field.name && field.value !== (field.querySelector("[selected]")?.value ?? field.options[0].value)) kept.set(field.name, field.value);
  }
  history.pushState(null, "", kept.size ? `?${kept}` : location.pathname);
}

function question() {
  const range = form.elements.range.value;
  const to = new Date(Math.ceil(Date.now() / 60000) * 60000);
  const from = new Date(to - RANGES[range] * 86400000);
  const found = { from: from.toISOString(), to: to.toISOString(), bucket: form.elements.bucket.value || FITTING[range], tz: form.elements.tz.value };
  for (const name of ["department", "channel", "surface"]) if (form.elements[name].value) found[name] = form.elements[name].value;
  return found;
}

function offer(name, values) {
  const field = form.elements[name];
  const there = new Set([...field.options].map((option) => option.value));
  for (const value of values) if (value && !there.has(value)) { field.add(new Option(value, value)); there.add(value); }
}

function showTotals(rows, previous) {
  const sum = (list, name) => list.reduce((total, row) => total + row[name], 0);
  const share = (list, above, ...below) => {
    const under = below.reduce((total, name) => total + sum(list, name), 0);
    return under ? sum(list, above) / under : null;
  };
  const named = [
    ["Engagement", (list) => sum(list, "engagement"), number], ["Push", (list) => sum(list, "push"), number],
    ["Responses", (list) => sum(list, "responses"), number],
    ["Conversation share", (list) => share(list, "responses", "responses", "push"), percent],
    ["Response rate", (list) => share(list, "answered", "inbound_posts"), percent],
    ["Inbound posts", (list) => sum(list, "inbound_posts"), number],
  ];
  const text = (value, form) => (value === null ? "–" : form.format(value));
  document.getElementById("totals").replaceChildren(...named.map(([title, of, form]) => {
    const box = document.createElement("div"), term = document.createElement("dt"), value = document.createElement("dd"), before = document.createElement("small");
    term.textContent = title;
    value.textContent = text(of(rows), form);
    before.textContent = `before: ${text(of(previous), form)}`;
    value.append(before);
    box.append(term, value);
    return box;
  }));
}

function showGoals(goals) {
  const body = document.getElementById("goals");
  document.getElementById("no-goals").hidden = goals.length > 0;
  body.closest(".scroll").hidden = goals.length === 0;
  body.replaceChildren(...goals.map((goal) => {
    const row = document.createElement("tr");
    const cells = [goal.department, `${goal.metric.replaceAll("_", " ")} per ${goal.period}`, goal.target, goal.actual, goal.forecast];
    for (const cell of cells) row.insertCell().textContent = typeof cell === "number" ? new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(cell) : cell ?? "–";
    const stand = row.insertCell();
    stand.textContent = goal.on_track === null ? "nothing measured yet" : goal.on_track ? "✓ yes" : "✗ no";
    stand.className = goal.on_track === null ? "" : goal.on_track ? "good" : "bad";
    return row;
  }));
}

function showFreshness(answer) {
  const at = new Date(answer.as_of);
  const seconds = Math.round(answer.lag_ms / 1000);
  const place = document.getElementById("freshness");
  place.textContent = at.getTime() === 0 ? "Nothing counted yet" : `Everything received until ${at.toLocaleString()} is counted (${seconds} s behind)`;
  place.title = answer.as_of;
}

async function show() {
  const turn = ++asked;
  const query = question();
  document.body.setAttribute("aria-busy", "true");
  try {
    const wide = { from: query.from, to: query.to, bucket: "month", ...(query.surface && { surface: query.surface }) };
    const [series, shift, mood, grid, silos, goals] = await Promise.all([
      ask("engagement", { ...query, compare: "previous", fill: "zero" }), ask("shift", { ...query, fill: "zero" }),
      ask("sentiment", { ...query, fill: "zero" }), ask("engagement", { ...wide, by: "channel,department" }),
      ask("silos", query), ask("goals", {}),
    ]);
    if (turn !== asked) return;
    offer("department", grid.series.map((row) => row.department));
    offer("channel", grid.series.map((row) => row.channel));
    showFreshness(series);
    showTotals(series.series, series.previous);
    showGoals(goals.goals);
    const chosen = grid.series.filter((row) => (!query.department || row.department === query.department) && (!query.channel || row.channel === query.channel));
    const heat = new Map();
    for (const row of chosen) {
      const key = JSON.stringify([row.channel, row.department]);
      const held = heat.get(key) ?? { channel: row.channel ?? "unknown", department: row.department ?? "unknown", engagement: 0, push: 0, inbound_posts: 0 };
      for (const name of ["engagement", "push", "inbound_posts"]) held[name] += row[name];
      heat.set(key, held);
    }
    const times = series.series.map((row) => ({ ...row, p50: minutes(row.first_response_seconds_p50), p90: minutes(row.first_response_seconds_p90) }));
    await drawAll({
      "engagement": series.series, "shift": shift.series, "responsiveness": series.series, "response-time": times,
      "sentiment": mood.series, "heat": [...heat.values()], "silos": silos.misrouted,
    }, query);
    problem("");
  } catch (error) {
    if (turn === asked) problem(error instanceof Problem ? error.message : `The page could not show this: ${error.message}`);
  } finally {
    if (turn === asked) document.body.removeAttribute("aria-busy");
  }
}

const minutes = (seconds) => (seconds === null ? null : seconds / 60);

function problem(text) {
  const place = document.getElementById("problem");
  place.hidden = !text;
  place.textContent = text;
}

for (const name of new Set([own, "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Tokyo"])) form.elements.tz.add(new Option(name, name));
cards(document.getElementById("charts"));
readAddress();
form.addEventListener("change", () => { writeAddress(); show(); });
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("reset").addEventListener("click", () => { history.pushState(null, "", location.pathname); readAddress(); show(); });
addEventListener("popstate", () => { readAddress(); show(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
setInterval(() => { if (!document.hidden) show(); }, 60000);
show();
