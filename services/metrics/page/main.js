// The dashboard: filters live in the address, figures come from the HTTP API, charts are specifications drawn by Vega-Lite.
import { ask, Problem } from "./api.js";
import { cards, CARDS, drawAll, redraw } from "./charts.js";
import { showPosts } from "./posts.js";
import { fitting, span } from "./range.js";
import { showGoals, showTotals } from "./totals.js";
import { figure, know } from "./words.js";

const form = document.getElementById("filters");
const own = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
let asked = 0, definitions;

const standard = (field) => field.querySelector?.("[selected]")?.value ?? field.options?.[0].value ?? "";

function readAddress() {
  const held = new URLSearchParams(location.search);
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = held.get(field.name);
    if (value && field.options && ![...field.options].some((option) => option.value === value)) field.add(new Option(value, value));
    field.value = value ?? standard(field);
  }
  showDates();
}

function writeAddress() {
  const kept = new URLSearchParams();
  for (const field of form.elements) if (field.name && field.value !== standard(field)) kept.set(field.name, field.value);
  if (form.elements.range.value !== "dates") for (const name of ["from", "to"]) kept.delete(name);
  history.pushState(null, "", kept.size ? `?${kept}` : location.pathname);
  showDates();
}

function showDates() {
  for (const label of document.querySelectorAll("label.dates")) label.hidden = form.elements.range.value !== "dates";
}

function question() {
  const values = Object.fromEntries([...form.elements].filter((field) => field.name).map((field) => [field.name, field.value]));
  const held = span(values, Date.now());
  const found = { from: new Date(held[0]).toISOString(), to: new Date(held[1]).toISOString(), bucket: values.bucket || fitting(held), tz: values.tz };
  for (const name of ["department", "channel", "surface"]) if (values[name]) found[name] = values[name];
  return found;
}

function offer(name, values) {
  const field = form.elements[name];
  const there = new Set([...field.options].map((option) => option.value));
  for (const value of values) if (value && !there.has(value)) { field.add(new Option(value, value)); there.add(value); }
}

function showFreshness(answer) {
  const at = new Date(answer.as_of);
  const place = document.getElementById("freshness");
  place.textContent = at.getTime() === 0 ? "Nothing counted yet" : `Everything received until ${at.toLocaleString()} is counted (${Math.round(answer.lag_ms / 1000)} s behind)`;
  place.title = answer.as_of;
}

// Each row with the instants it stands for, so that what is behind it can be asked; charts read local clocks.
function timed(rows, query) {
  const starts = [...new Set(rows.map((row) => row.bucket))].sort();
  const until = new Map(starts.map((start, place) => [start, starts[place + 1] ?? query.to]));
  const short = { hour: { dateStyle: "medium", timeStyle: "short" } }[query.bucket] ?? { dateStyle: "full" };
  const clock = new Intl.DateTimeFormat(undefined, { ...short, timeZone: query.tz });
  return rows.map((row) => ({
    ...row, at: row.bucket, bucket: (row.bucket_local ?? row.bucket).slice(0, 19), where: clock.format(new Date(row.bucket)),
    p50: minutes(row.first_response_seconds_p50), p90: minutes(row.first_response_seconds_p90), share: row.share,
    behind: { from: row.bucket > query.from ? row.bucket : query.from, to: until.get(row.bucket), ...(row.group && { group: row.group }) },
  }));
}

const minutes = (seconds) => (seconds === null || seconds === undefined ? null : seconds / 60);

function heat(rows, query) {
  return rows.filter((row) => (!query.department || row.department === query.department) && (!query.channel || row.channel === query.channel))
    .filter((row) => row.engagement || row.push || row.inbound_posts)
    .map((row) => ({
      ...row, at: undefined, behind: { channel: row.channel ?? "", department: row.department ?? "" }, where: `${row.channel ?? "unknown"}, ${row.department ?? "unknown"}`,
      channel: row.channel ?? "unknown", department: row.department ?? "unknown",
    }));
}

function desks(rows) {
  return rows.map((row) => ({
    ...row, misrouted: row.posts, behind: { owner_department: row.owner_department, department: row.department },
    where: `addressed to ${row.owner_department}, matter of ${row.department}`,
  }));
}

function say(name, text) {
  const place = document.querySelector(`#card-${name} .says`);
  place.hidden = !text;
  place.textContent = text;
}

function saySentences(shift, silos) {
  const reach = shift && ["audience", "opens", "clicks"].filter((each) => shift[`legacy_${each}`] !== null).map((each) => `${figure(`legacy_${each}`, shift[`legacy_${each}`])} ${each}`);
  say("old-and-new", shift ? `Old channels (mail, press, phone, sms, web): ${shift.legacy_push} sent${reach.length ? `, ${reach.join(", ")} as the sending tools report` : ""}. Social: ${shift.social_push} posts, ${shift.social_engagement.toLocaleString()} engagement.` : "");
  say("silos", `${silos.answered_by_two.length} conversations were answered by two departments, ${silos.asked_twice.length} questions reached two.`);
}

async function answers(query) {
  const wide = { from: query.from, to: query.to, tz: query.tz, bucket: "range", ...(query.surface && { surface: query.surface }) };
  definitions ??= ask("definitions", {}).catch((error) => { definitions = undefined; throw error; });
  const whole = { ...query, bucket: "range" };
  return Promise.all([
    ask("engagement", { ...query, fill: "zero" }), ask("engagement", { ...whole, compare: "previous" }), ask("shift", { ...query, fill: "zero" }),
    ask("shift", whole), ask("engagement", { ...wide, by: "channel,department" }), ask("silos", query), ask("share-of-voice", query), ask("goals", { tz: query.tz }), definitions,
  ]);
}

async function show() {
  const turn = ++asked;
  const query = question();
  document.body.setAttribute("aria-busy", "true");
  try {
    const [series, total, shift, shifted, grid, silos, voice, goals, known] = await answers(query);
    if (turn !== asked) return;
    know(known.metrics);
    offer("department", grid.series.map((row) => row.department));
    offer("channel", grid.series.map((row) => row.channel));
    showFreshness(series);
    showTotals(total, (metric) => showPosts(metric, query, "whole range"));
    showGoals(goals.goals, (goal) => showPosts(goal.metric, { from: goal.period_start, to: query.to, department: goal.department }, `${goal.department}, this ${goal.period}`));
    saySentences(shifted.series[0], silos);
    const rows = { heat: heat(grid.series, query), silos: desks(silos.misrouted), "share-of-voice": timed(voice.series, query) };
    for (const card of CARDS) rows[card.name] ??= timed(card.path === "shift" ? shift.series : series.series, query);
    await drawAll(rows, query);
    problem("");
  } catch (error) {
    if (turn === asked) problem(error instanceof Problem ? error.message : `The page could not show this: ${error.message}`);
  } finally {
    if (turn === asked) document.body.removeAttribute("aria-busy");
  }
}

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
let sized;
addEventListener("resize", () => { clearTimeout(sized); sized = setTimeout(redraw, 300); });
setInterval(() => { if (!document.hidden && !document.getElementById("posts").open) show(); }, 60000);
show();
