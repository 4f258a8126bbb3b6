import DataTable from "datatables";

const entries = JSON.parse(document.getElementById("data").textContent);

const dark = matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

const escaped = (text) => {
  const element = document.createElement("span");
  element.textContent = text ?? "";
  return element.innerHTML.replaceAll('"', "&quot;");
};

// Use significant digits: the default of three decimals would show small models as 0.
const number = (value, digits) =>
  value === null ? "" : value.toLocaleString("en", { maximumSignificantDigits: digits });

// Unknown values sort after all numbers, in both directions.
const behind = (one, other) => (one === null) - (other === null);
DataTable.type("figure", {
  order: {
    asc: (one, other) => behind(one, other) || one - other,
    desc: (one, other) => behind(one, other) || other - one,
  },
});
const figure = (field, digits, title, shown = (text) => text) => ({
  title,
  data: field,
  className: "number",
  type: "figure",
  render: (value, kind) =>
    kind === "display" ? shown(number(value, digits)) : kind === "sort" ? value : (value ?? ""),
});

// As a string, because the search ignores parts of a name that look like HTML otherwise.
const text = (field, title, className = "") => ({
  title,
  data: field,
  className,
  type: "string",
  render: (value, kind) => (kind === "display" ? escaped(value) : (value ?? "")),
});

const starCell = (entry) => {
  if (entry.stars === null) return `<span class="quiet">Not rated: ${escaped(entry.unrated_because)}</span>`;
  const picture = "★".repeat(entry.stars) + "☆".repeat(5 - entry.stars);
  const notes = [entry.star_chances, entry.rating_notes].filter(Boolean).map(escaped).join("; ");
  return `<span class="stars" aria-hidden="true">${picture}</span><span class="hidden">${entry.stars} of 5 stars</span>` +
    (notes ? `<br><span class="quiet">${notes}</span>` : "");
};

const columns = [
  {
    title: "Model",
    data: "model",
    className: "model",
    type: "string",
    render: (value, kind, entry) => {
      if (kind !== "display") return value;
      const name = escaped(value);
      return entry.page ? `<a href="${escaped(encodeURI(entry.page))}">${name}</a>` : name;
    },
  },
  {
    title: "Stars",
    data: "stars",
    className: "rating",
    type: "num",
    render: (value, kind, entry) => (kind === "display" ? starCell(entry) : kind === "filter" ? (value ?? "none") : (value ?? 0)),
  },
  figure("wh_per_1000_queries", 5, "Wh per 1,000", (value) => value || "not measured"),
  figure("ci95_half_width_wh", 2, "±"),
  text("task", "Task"),
  text("model_class", "Class"),
  text("reasoning_state", "Reasoning"),
  figure("preprocess_wh", 3, "Preprocess", (value) => value),
  figure("prefill_wh", 4, "Prefill"),
  figure("decode_wh", 4, "Decode"),
  figure("prompt_tokens_per_query", 4, "Tokens in"),
  figure("new_tokens_per_query", 4, "Tokens out"),
  text("energy_source", "Source", "wide"),
  text("hardware", "Hardware", "wide"),
  text("date", "Date", "wide"),
];

const place = (name) => columns.findIndex((one) => one.data === name);

const table = new DataTable("#leaderboard", {
  data: entries,
  columns,
  order: [["task", "asc"], ["model_class", "asc"], ["wh_per_1000_queries", "asc"]].map(([name, way]) => [place(name), way]),
  pageLength: 50,
  lengthMenu: [25, 50, 100, 500],
  autoWidth: false,
  layout: { topStart: "info", topEnd: "pageLength", bottomStart: null, bottomEnd: "paging" },
  language: { emptyTable: "No run has been measured yet.", zeroRecords: "No run matches." },
});

const column = (name) => table.column(place(name));
document.getElementById("search").addEventListener("input", (event) => table.search(event.target.value).draw());
for (const name of ["task", "model_class", "stars"]) {
  document.getElementById(name).addEventListener("change", (event) => {
    const wanted = event.target.value;
    column(name).search(wanted === "" ? "" : (value) => String(value) === wanted).draw();
  });
}
document.querySelector("form.filters").addEventListener("submit", (event) => event.preventDefault());
// When this page is an earlier version itself, still earlier ones are next to it and no longer in it.
if (/\/prior\/\d{4}-\d{2}-\d{2}T\d{6}Z(-\d+)?\/[^/]*$/.test(location.pathname)) {
  for (const link of document.querySelectorAll('a[href^="prior/"]')) {
    link.setAttribute("href", link.getAttribute("href").replace("prior/", "../"));
  }
}
document.documentElement.dataset.ready = "true";
