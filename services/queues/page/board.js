// Departments × intents: open posts and the age of the oldest; every cell is a filter.

import { age, element, words } from "./format.js";

export class Board {
  constructor(view) {
    this.view = view;
    this.table = document.getElementById("matrix");
    this.sum = document.getElementById("board-sum");
    this.empty = document.getElementById("board-empty");
    this.queues = [];
    const narrow = matchMedia("(max-width: 700px)");
    if (narrow.matches) document.querySelector("#board details").open = false;
  }

  show(queues) {
    this.queues = queues;
    this.draw();
  }

  labels() {
    const sorted = (name) => [...new Set(this.queues.map((queue) => queue[name]))].sort();
    return { departments: sorted("department"), intents: sorted("intent") };
  }

  draw() {
    const focused = document.activeElement?.dataset?.cell;
    const { departments, intents } = this.labels();
    const total = summed(this.queues);
    this.sum.textContent = total.open ? `${total.open} open, oldest ${age(total.oldest)}, ${total.risk} at risk` : "";
    this.empty.hidden = departments.length > 0;
    this.table.hidden = departments.length === 0;
    const most = Math.max(1, ...this.queues.map((queue) => queue.open));
    // The sum stands first, where it is in sight however narrow the board is.
    const head = element("tr", {}, element("td"), element("th", { scope: "col", class: "total" }, "all"),
      ...intents.map((intent) => this.heading("col", { intent })));
    const rows = departments.map((department) => element("tr", {},
      this.heading("row", { department }),
      this.cell(this.queues.filter((queue) => queue.department === department), { department, intent: "" }, Infinity),
      ...intents.map((intent) => this.cell(
        this.queues.filter((queue) => queue.department === department && queue.intent === intent), { department, intent }, most))));
    this.table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
    if (focused !== undefined) this.table.querySelector(`[data-cell="${CSS.escape(focused)}"]`)?.focus();
  }

  heading(scope, filter) {
    const [[name, label]] = Object.entries(filter);
    const other = name === "intent" ? "department" : "intent";
    const pressed = this.view.chosen[name] === label && !this.view.chosen[other];
    const button = element("button", {
      type: "button", "aria-pressed": String(pressed), data: { cell: `${name}:${label}` },
      onclick: () => this.view.set(pressed ? { department: "", intent: "" } : { [other]: "", [name]: label }),
    }, element("span", {}, words(label)));
    return element("th", { scope }, button);
  }

  cell(queues, filter, most) {
    const found = summed(queues);
    if (!found.open) return element("td", { class: "none" }, "·");
    const { chosen } = this.view;
    const pressed = chosen.department === filter.department && chosen.intent === filter.intent;
    const where = [filter.department, filter.intent].filter(Boolean).map(words).join(", ");
    const button = element("button", {
      type: "button", "aria-pressed": String(pressed), data: { cell: `${filter.department}×${filter.intent}` },
      class: found.risk ? "risk" : "",
      "aria-label": `${where}: ${found.open} open, oldest ${age(found.oldest)}, ${found.risk} at risk`,
      title: `${found.new} new, ${found.claimed} claimed, oldest ${age(found.oldest)}, ${found.risk} at risk`,
      onclick: () => this.view.set(pressed ? { department: "", intent: "" } : filter),
    }, element("b", {}, String(found.open)), element("small", {}, age(found.oldest)));
    button.style.setProperty("--heat", `${Math.round(6 + 54 * Math.sqrt(found.open / most))}%`);
    return element("td", { class: most === Infinity ? "total" : "" }, button);
  }
}

function summed(queues) {
  const sum = { open: 0, new: 0, claimed: 0, oldest: 0, risk: 0 };
  for (const queue of queues) {
    sum.open += queue.open;
    sum.new += queue.new;
    sum.claimed += queue.claimed;
    sum.risk += queue.at_risk;
    sum.oldest = Math.max(sum.oldest, queue.oldest_seconds);
  }
  return sum;
}
