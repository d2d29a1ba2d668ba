// How figures read: numbers, shares, durations, changes and names in the reader's own language.
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const signed = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0, signDisplay: "exceptZero" });
const points = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, signDisplay: "exceptZero" });
let units = new Map();

export function know(metrics) {
  units = new Map(metrics.map((metric) => [metric.name, metric]));
}

export function defined(name) {
  const metric = units.get(name);
  return metric ? `${plain(name)}: ${metric.formula}. ${metric.caveats}`.trim() : plain(name);
}

export const plain = (name) => name.replaceAll("_", " ").replace("seconds p50", "time, median").replace("seconds p90", "time, 9 of 10 within");

export function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= 2 * size) return `${number.format(seconds / size)} ${unit}`;
  return `${number.format(seconds)} s`;
}

export function figure(name, value) {
  if (value === null || value === undefined) return "–";
  const unit = units.get(name)?.unit ?? "count";
  if (unit === "seconds") return duration(value);
  if (name === "net_sentiment") return points.format(value * 100);
  if (unit.startsWith("ratio") && /share|response_rate|open_rate|click_rate/.test(name)) return percent.format(value);
  return (units.get(name)?.approximate ? "≈ " : "") + number.format(value);
}

export function change(name, now, before) {
  if (now === null || before === null || now === undefined || before === undefined) return { text: "no earlier figure", direction: 0 };
  const apart = name === "net_sentiment" || /share|rate$/.test(name);
  const gap = now - before, small = apart ? Math.abs(gap) < 0.0005 : Math.abs(gap) < 0.005 * Math.abs(before);
  if (small) return { text: "■ no change", direction: 0 };
  const direction = Math.sign(gap);
  const arrow = direction > 0 ? "▲" : "▼";
  if (!apart && before === 0) return { text: `${arrow} from 0`, direction };
  return { text: `${arrow} ${apart ? `${points.format(gap * 100)} points` : signed.format(gap / before)}`, direction };
}
