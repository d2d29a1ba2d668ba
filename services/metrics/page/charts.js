// One card per chart: Vega-Lite specifications from the server, drawn as SVG without eval, with links to files.
import { address } from "./api.js";

const EMPTY = "Nothing was heard here in this range. Take a longer range, fewer filters, or check that sources are connected.";
const CARDS = [
  ["engagement", "Engagement and push", "engagement", true], ["shift", "The shift", "shift"],
  ["sentiment", "Sentiment", "sentiment"], ["responsiveness", "Responsiveness", "responsiveness"],
  ["response-time", "First response", "responsiveness"], ["heat", "Channels and departments", null],
  ["silos", "Misrouted posts", null],
];
const COUNTS = {
  "engagement": ["engagement", "push"], "shift": ["social_activities", "legacy_activities"], "sentiment": ["inbound_posts"],
  "responsiveness": ["inbound_posts"], "response-time": ["answered"], "heat": ["engagement", "push", "inbound_posts"], "silos": ["posts"],
};
let specs, library, last;

export function cards(place) {
  for (const [name, title, , wide] of CARDS) {
    const card = document.createElement("section");
    card.className = wide ? "card wide" : "card";
    card.id = `card-${name}`;
    card.setAttribute("aria-labelledby", `title-${name}`);
    card.innerHTML = '<header><h2></h2><nav></nav></header><div class="plot"></div><p class="empty" hidden></p>';
    card.querySelector("h2").textContent = title;
    card.querySelector("h2").id = `title-${name}`;
    card.querySelector(".empty").textContent = EMPTY;
    place.append(card);
  }
}

function load() {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = "assets/vega.js";
    script.onload = done;
    script.onerror = () => failed(new Error("the drawing library did not load; reload the page"));
    document.head.append(script);
  });
  specs ??= fetch("assets/charts.json").then((answer) => answer.json());
  return Promise.all([specs, library]);
}

function look() {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("i");
  document.body.append(probe);
  const colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const ink = colour("soft"), line = colour("line");
  probe.remove();
  return {
    background: "transparent", font: style.fontFamily || "system-ui, sans-serif", view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12 },
    legend: { labelColor: ink, titleColor: ink, orient: "bottom", labelFontSize: 12 },
  };
}

export async function drawAll(rows, query) {
  last = [rows, query];
  const [held] = await load();
  const config = look();
  for (const [name, , path] of CARDS) await draw(name, path, held[name], rows[name], query, config);
}

export const redraw = () => last && drawAll(...last);

async function draw(name, path, spec, rows, query, config) {
  const card = document.getElementById(`card-${name}`);
  const anything = rows.some((row) => COUNTS[name].some((count) => row[count]));
  card.querySelector(".empty").hidden = anything;
  const plot = card.querySelector(".plot");
  plot.hidden = !anything;
  links(card.querySelector("nav"), path, query);
  if (!anything) return;
  const { title, ...rest } = spec;
  const time = rest.encoding.x.field === "bucket" ? rows.map((row) => ({ ...row, bucket: (row.bucket_local ?? row.bucket).slice(0, 19) })) : rows;
  const made = { ...rest, width: "container", height: "container", autosize: { type: "fit", contains: "padding" }, data: { values: time }, config };
  await window.vegaEmbed(plot, made, {
    ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true },
  });
  plot.dataset.rows = String(rows.length);
}

function links(place, path, query) {
  if (!path) return;
  const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  place.replaceChildren(...["png", "csv"].map((form) => {
    const link = document.createElement("a");
    link.href = address(path, { ...query, format: form, ...(form === "png" && { theme }) });
    link.download = `${path}.${form}`;
    link.textContent = form.toUpperCase();
    link.setAttribute("aria-label", `Download ${path} as ${form.toUpperCase()}`);
    return link;
  }));
}
