// Words, numbers and times as people read them.

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const UNITS = [["year", 31_557_600], ["month", 2_629_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];

export function ago(at, now) {
  const seconds = Math.round((at - now) / 1000);
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 10 ? "now" : relative.format(seconds, "second");
}

export function age(seconds) {
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return `${Math.floor(seconds / size)}${unit === "month" ? "mo" : unit[0]}`;
  }
  return `${Math.max(0, Math.floor(seconds))}s`;
}

export const exactly = (at) => absolute.format(at);
export const words = (label) => label.replaceAll("_", " ");
export const author = (actor) => actor.name || actor.handle || actor.id;

// The one way this page makes elements: text is always text, never markup.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export function timeOf(text) {
  const at = new Date(text);
  const made = element("time", { datetime: text, title: exactly(at) }, ago(at, Date.now()));
  return made;
}

export function refreshTimes(root) {
  const now = Date.now();
  for (const each of root.querySelectorAll("time")) {
    const text = ago(new Date(each.dateTime), now);
    if (each.textContent !== text) each.textContent = text;
  }
}
