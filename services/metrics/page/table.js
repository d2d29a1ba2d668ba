// The figures of a card as a table: the same rows for eyes, screen readers and keyboards; every number opens its posts.
import { defined, figure, plain } from "./words.js";

export function fillTable(place, card, rows, open) {
  const head = document.createElement("thead"), body = document.createElement("tbody"), keys = card.keys ?? [];
  const timed = rows.some((row) => row.where && row.at);
  const names = [...(timed ? ["from"] : []), ...keys.map(plain), ...card.columns.map(plain)];
  const line = head.insertRow();
  names.forEach((name, place) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    const metric = card.columns[place - names.length + card.columns.length];
    if (metric) cell.title = defined(metric);
    line.append(cell);
  });
  for (const row of rows) {
    const made = body.insertRow();
    if (timed) made.insertCell().textContent = row.where;
    for (const key of keys) made.insertCell().textContent = row[key];
    for (const metric of card.columns) {
      const text = figure(metric, row[metric]), cell = made.insertCell();
      if (!row[metric]) { cell.textContent = text; continue; }
      const button = Object.assign(document.createElement("button"), { type: "button", className: "behind", textContent: text });
      button.setAttribute("aria-label", `${text} ${plain(metric)}, ${row.where ?? ""}: show the posts`);
      button.addEventListener("click", () => open(metric, row));
      cell.append(button);
    }
  }
  place.replaceChildren(head, body);
}
