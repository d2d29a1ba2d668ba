// One card per chart: Vega-Lite specifications from the server, drawn as SVG without eval, with a table, files and posts behind.
import { address } from "./api.js";
import { showPosts } from "./posts.js";
import { fillTable } from "./table.js";

const EMPTY = "Nothing was heard here in this range. Take a longer range, fewer filters, or check that sources are connected.";
const SPEED = ["first_response_seconds_p50", "first_response_seconds_p90"];
export const CARDS = [
  { name: "engagement", title: "Engagement and push", path: "engagement", picture: true, wide: true, counts: ["engagement", "push"],
    columns: ["engagement", "push", "replies", "mentions", "quotes", "announces", "likes", "follows", "people"] },
  { name: "shift", title: "The shift: answering instead of broadcasting", path: "shift", picture: true,
    counts: ["social_activities", "legacy_activities"], columns: ["conversation_share", "social_share", "push", "responses"] },
  { name: "old-and-new", title: "Old channels beside social", path: "shift", counts: ["social_push", "legacy_push"],
    columns: ["social_push", "legacy_push", "social_engagement", "legacy_audience", "legacy_opens", "legacy_clicks"] },
  { name: "sentiment", title: "Sentiment of inbound posts", path: "sentiment", picture: true, counts: ["negative", "neutral", "positive"],
    columns: ["negative", "neutral", "positive", "net_sentiment"] },
  { name: "responsiveness", title: "Responsiveness: answered posts", path: "responsiveness", picture: true, counts: ["inbound_posts"],
    columns: ["inbound_posts", "answered", "response_rate"] },
  { name: "response-time", title: "Responsiveness: time to the first response", path: "responsiveness", counts: ["answered"], columns: SPEED },
  { name: "heat", title: "Channels and departments: engagement", path: "engagement", counts: ["engagement", "push", "inbound_posts"],
    more: { by: "channel,department", bucket: "range" }, keys: ["channel", "department"], columns: ["engagement", "push", "inbound_posts"] },
  { name: "silos", title: "Silos: posts on another department's desk", counts: ["misrouted"], keys: ["owner_department", "department"], columns: ["misrouted"] },
  { name: "share-of-voice", title: "Share of voice", path: "share-of-voice", picture: true, counts: ["posts"], keys: ["group"], columns: ["posts", "share"], optional: true },
];
const DARK = { tealblues: "darkblue", oranges: "darkgold" };
const dark = matchMedia("(prefers-color-scheme: dark)");
let specs, library, last;

export function cards(place) {
  for (const { name, title, wide, optional } of CARDS) {
    const card = document.createElement("section");
    card.className = wide ? "card wide" : "card";
    card.id = `card-${name}`;
    card.hidden = Boolean(optional);
    card.setAttribute("aria-labelledby", `title-${name}`);
    card.innerHTML = '<header><h2></h2><nav></nav></header><p class="says" hidden></p><div class="plot"></div><p class="empty" hidden></p>' +
      '<details><summary>Table</summary><div class="scroll" tabindex="0" role="region"><table></table></div></details>';
    card.querySelector("h2").textContent = title;
    card.querySelector("h2").id = `title-${name}`;
    card.querySelector(".empty").textContent = EMPTY;
    card.querySelector(".scroll").setAttribute("aria-label", `${title}, as a table`);
    card.querySelector("details").addEventListener("toggle", () => last && table(CARDS.find((each) => each.name === name)));
    place.append(card);
  }
}

function load() {
  library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = "assets/vega.js";
    script.onload = done;
    script.onerror = () => { library = undefined; failed(new Error("the drawing library did not load; reload the page")); };
    document.head.append(script);
  });
  specs ??= fetch("assets/charts.json").then((answer) => answer.json()).catch((error) => { specs = undefined; throw error; });
  return Promise.all([specs, library]);
}

function look() {
  const probe = document.createElement("i");
  document.body.append(probe);
  const colour = (name) => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const ink = colour("soft"), line = colour("line"), card = colour("card"), font = getComputedStyle(document.body).fontFamily;
  probe.remove();
  return {
    background: card, font, view: { stroke: null, cursor: "pointer" },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
    legend: { labelColor: ink, titleColor: ink, orient: "bottom", labelFontSize: 12 },
  };
}

export async function drawAll(rows, query) {
  last = { rows, query };
  const [held] = await load();
  const config = look();
  for (const card of CARDS) await draw(card, held[card.name], config);
}

export const redraw = () => last && drawAll(last.rows, last.query);

async function draw(card, spec, config) {
  const { name } = card, rows = last.rows[name] ?? [], place = document.getElementById(`card-${name}`);
  const anything = rows.some((row) => card.counts.some((count) => row[count]));
  if (card.optional) place.hidden = !anything;
  place.querySelector(".empty").hidden = anything;
  const plot = place.querySelector(".plot");
  plot.hidden = place.querySelector("details").hidden = !anything;
  if (!anything) { place.querySelector("nav").replaceChildren(); return; }
  const { title, ...rest } = structuredClone(spec);
  fit(rest, new Set(rows.map((row) => row.at)).size, plot.clientWidth);
  const made = { ...rest, width: "container", height: "container", autosize: { type: "fit", contains: "padding" }, data: { values: rows }, config };
  const { view } = await window.vegaEmbed(plot, made, {
    ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true },
  });
  view.addEventListener("click", (_, item) => item?.datum && open(card, item));
  files(place.querySelector("nav"), card, view);
  plot.dataset.rows = String(rows.length);
  table(card);
}

// Bars as wide as the room for one point; colours of a matrix and its figures for the theme.
function fit(spec, points, width) {
  for (const part of spec.layer ?? [spec]) {
    if (part.mark?.type === "bar") {
      part.mark.width = Math.max(1, Math.min(60, (0.7 * width) / (points + 1)));
      (part.encoding.x ?? spec.encoding.x).scale = { padding: part.mark.width / 2 + 4 };
    }
    if (dark.matches && part.encoding?.y?.axis) delete part.encoding.y.axis.titleColor;
    const colour = part.encoding?.color;
    if (dark.matches && DARK[colour?.scale?.scheme]) colour.scale.scheme = DARK[colour.scale.scheme];
    if (dark.matches && colour?.condition) [colour.condition.value, colour.value] = [colour.value, colour.condition.value];
  }
}

function open(card, item) {
  const row = item.datum;
  const metric = { engagement: item.mark.marktype === "rect" ? "engagement" : "push", heat: "engagement", silos: "misrouted", "share-of-voice": "posts" }[card.name] ??
    { p50: SPEED[0], p90: SPEED[1] }[row.name] ?? row.name;
  if (row.behind && metric) showPosts(metric, { ...last.query, ...row.behind }, row.where);
}

function table(card) {
  const place = document.querySelector(`#card-${card.name} details`);
  if (!place.open || place.contains(document.activeElement?.closest("table"))) return;
  fillTable(place.querySelector("table"), card, last.rows[card.name] ?? [], (metric, row) =>
    showPosts(metric, { ...last.query, ...row.behind }, row.where));
}

function files(place, card, view) {
  const theme = dark.matches ? "dark" : "light", { name, path, picture, more } = card;
  const link = (form, href) => {
    const made = Object.assign(document.createElement("a"), { href, download: `${name}.${form}`, textContent: form.toUpperCase() });
    made.setAttribute("aria-label", `Download ${card.title} as ${form.toUpperCase()}`);
    return made;
  };
  const png = link("png", picture ? address(path, { ...last.query, format: "png", theme }) : "#");
  if (!picture) png.addEventListener("click", async (event) => {
    if (png.dataset.ready) { delete png.dataset.ready; return; }
    event.preventDefault();
    png.href = await view.toImageURL("png", 2);
    png.dataset.ready = "1";
    png.click();
  });
  const csv = path ? address(path, { ...last.query, ...more, format: "csv" }) :
    `data:text/csv,${encodeURIComponent(["owner_department,department,posts", ...last.rows[name].map((row) => `${row.owner_department},${row.department},${row.posts}`)].join("\n"))}`;
  place.replaceChildren(png, link("csv", csv));
}
