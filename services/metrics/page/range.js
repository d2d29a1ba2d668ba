// Which instants the filters mean: days begin at midnight of the chosen time zone, also on days of 23 or 25 hours.
export const DAYS = { "24h": 1, "7d": 7, "14d": 14, "30d": 30, "90d": 90, "365d": 365 };
const DAY_MS = 86400000;

function local(at, tz) {
  const form = new Intl.DateTimeFormat("en-GB", { timeZone: tz, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
  const found = Object.fromEntries(form.formatToParts(at).map((part) => [part.type, Number(part.value)]));
  return Date.UTC(found.year, found.month - 1, found.day, found.hour, found.minute, found.second);
}

function known(tz) {
  try { return Intl.DateTimeFormat(undefined, { timeZone: tz }) && tz; } catch { return "UTC"; } // the server says what is wrong with it
}

export function midnight(day, tz) {
  let at = day;
  for (let turn = 0; turn < 2; turn += 1) at = day - (local(at, known(tz)) - Math.floor(at / 1000) * 1000);
  return at;
}

export function span(values, now) {
  const to = Math.ceil(now / 60000) * 60000, today = Math.floor(local(now, known(values.tz)) / DAY_MS) * DAY_MS;
  if (values.range === "24h") return [to - DAY_MS, to];
  if (values.range !== "dates") return [midnight(today - (DAYS[values.range] - 1) * DAY_MS, values.tz), to];
  const first = Date.parse(values.from) || today - 13 * DAY_MS, last = Date.parse(values.to) || today;
  return [midnight(first, values.tz), last >= today ? Math.max(to, midnight(first, values.tz) + 60000) : midnight(last + DAY_MS, values.tz)];
}

export function fitting([from, to]) {
  const days = (to - from) / DAY_MS;
  return days <= 2.1 ? "hour" : days <= 100 ? "day" : "week";
}
