// The headline figures with their change, and the goals; every figure opens the posts behind it.
import { change, defined, figure, plain } from "./words.js";

const TOTALS = [
  ["engagement", "Engagement", 1], ["people", "People", 1], ["push", "Push", 0], ["conversation_share", "Conversation share", 1],
  ["inbound_posts", "Inbound posts", 0], ["response_rate", "Response rate", 1], ["first_response_seconds_p50", "Median first response", -1],
  ["net_sentiment", "Net sentiment", 1],
];
const made = (tag, held, ...children) => { const node = Object.assign(document.createElement(tag), held); node.append(...children); return node; };

function box(name, title, open) {
  const number = made("button", { type: "button", className: "number" });
  number.addEventListener("click", () => open(name));
  const what = made("button", { type: "button", className: "what", textContent: "?", title: defined(name) });
  const meaning = made("p", { id: `what-${name}`, textContent: defined(name), popover: "auto" });
  what.setAttribute("aria-label", `What is ${title.toLowerCase()}?`);
  what.setAttribute("popovertarget", meaning.id);
  return made("div", { id: `total-${name}` }, made("h3", {}, title, what, meaning), number, made("p", { className: "change" }), made("p", { className: "before" }));
}

export function showTotals(answer, open) {
  const place = document.getElementById("totals");
  const now = answer.series[0] ?? {}, before = answer.previous[0] ?? {};
  const span = answer.previous_range;
  for (const [name, title, better] of TOTALS) {
    let held = document.getElementById(`total-${name}`);
    if (!held) place.append(held = box(name, title, (metric) => held.open(metric)));
    held.open = open;
    const zero = ["engagement", "people", "push", "inbound_posts"].includes(name) ? 0 : null;
    const value = now[name] ?? zero, earlier = answer.previous.length ? before[name] ?? zero : null, moved = change(name, value, earlier);
    const number = held.querySelector(".number");
    number.textContent = figure(name, value);
    number.setAttribute("aria-label", `${title}: ${figure(name, value)}. Show the posts.`);
    const shown = held.querySelector(".change");
    shown.textContent = moved.text;
    shown.className = `change ${moved.direction * better > 0 ? "good" : moved.direction * better < 0 ? "bad" : ""}`;
    held.querySelector(".before").textContent = `before: ${figure(name, earlier)}`;
    held.querySelector(".before").title = `${new Date(span.from).toLocaleString()} to ${new Date(span.to).toLocaleString()}`;
  }
}

export function showGoals(goals, open) {
  const body = document.getElementById("goals");
  document.getElementById("no-goals").hidden = goals.length > 0;
  body.closest(".scroll").hidden = goals.length === 0;
  if (body.contains(document.activeElement)) return;
  body.replaceChildren(...goals.map((goal) => {
    const row = document.createElement("tr"), value = (each) => figure(goal.metric, each);
    const name = row.insertCell();
    name.textContent = goal.department;
    const what = row.insertCell();
    what.textContent = `${plain(goal.metric)} per ${goal.period}`;
    what.title = defined(goal.metric);
    row.insertCell().textContent = value(goal.target);
    const now = made("button", { type: "button", className: "behind", textContent: value(goal.actual) });
    now.setAttribute("aria-label", `${value(goal.actual)} now: show the posts`);
    now.addEventListener("click", () => open(goal));
    row.insertCell().append(now);
    row.insertCell().textContent = value(goal.pace);
    row.insertCell().textContent = value(goal.forecast);
    const stand = row.insertCell();
    stand.textContent = goal.on_track === null ? "nothing measured yet" : goal.on_track ? "✓ yes" : "✗ no";
    stand.className = goal.on_track === null ? "" : goal.on_track ? "good" : "bad";
    return row;
  }));
}
