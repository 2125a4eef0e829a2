// What is shown where, and what keys do.

const main = document.getElementById("main");
const side = document.getElementById("side");
const query = document.getElementById("query");
const found = document.getElementById("found");
const theme = document.getElementById("theme");

function remembered(key) {
  try {
    return localStorage.getItem("assay-docs-" + key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem("assay-docs-" + key, value);
  } catch {
    // A browser that keeps nothing is no reason to stop.
  }
}

// Theme: what was chosen, else what the system says.
const dark = matchMedia("(prefers-color-scheme: dark)");

function paint() {
  const isDark = (remembered("theme") || (dark.matches ? "dark" : "light")) === "dark";
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  theme.textContent = isDark ? "☀" : "☾";
}

theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  remember("theme", document.documentElement.dataset.theme);
  paint();
});
dark.addEventListener("change", paint);
paint();

// The list of everything: by files, or by where it is in the database.
const KEPT_OPEN = new Set(["Models"]);

function tree() {
  const byDatabase = remembered("tree") === "database";
  const nodes = [...byId.values()].filter(isShown).sort((a, b) => a.title.localeCompare(b.title));
  const root = { folders: new Map(), nodes: [] };
  for (const node of nodes) {
    const path = byDatabase ? place_in_database(node) : place_in_files(node);
    if (!path) continue;
    let at = root;
    for (const name of path) {
      if (!at.folders.has(name)) at.folders.set(name, { folders: new Map(), nodes: [] });
      at = at.folders.get(name);
    }
    at.nodes.push(node);
  }
  const choose = (kind, text) => h("button", { role: "tab", "aria-selected": String((kind === "database") === byDatabase), onclick: () => {
    remember("tree", kind);
    tree();
    mark();
  } }, text);
  side.replaceChildren(h("div", { class: "tabs", role: "tablist" }, choose("files", "Project"), choose("database", "Database")), branch(root, ""));
}

function place_in_files(node) {
  const many = KINDS.find(([kind]) => kind === node.kind)[1];
  const folders = (node.path || "").split("/").slice(1, -1);
  const own = node.package === DATA.project ? [] : [node.package];
  if (node.kind === "source") return [many, ...own, node.source_name];
  if (node.kind === "test" && node.test) return null;
  return [many, ...own, ...(["model", "seed", "snapshot", "analysis", "macro"].includes(node.kind) ? folders : [])];
}

function place_in_database(node) {
  return node.relation_name && node.schema && node.kind !== "test" ? [node.database, node.schema].filter(Boolean) : null;
}

function branch(at, path) {
  const order = (name) => {
    const i = KINDS.findIndex(([, many]) => many === name);
    return path || i < 0 ? name : String.fromCharCode(65 + i);
  };
  const folders = [...at.folders].sort(([a], [b]) => order(a).localeCompare(order(b)));
  return h("ul", null,
    folders.map(([name, inner]) => {
      const here = path + "/" + name;
      const details = h("details", { "data-path": here, open: KEPT_OPEN.has(here.slice(1)) || inner.folders.size + inner.nodes.length < 2 || !path && at.folders.size < 3 },
        h("summary", null, name, h("span", { class: "count" }, String(size_of(inner)))));
      // Long lists are made when somebody looks.
      const open = () => {
        if (details.open && details.childElementCount === 1) details.append(branch(inner, here));
      };
      details.addEventListener("toggle", open);
      details.fill = () => {
        details.open = true;
        open();
      };
      open();
      return h("li", null, details);
    }),
    at.nodes.map((node) => h("li", null, h("a", { href: address(node), "data-id": node.id, title: node.name }, h("span", { class: "chip k-" + node.kind, "aria-hidden": "true" }), node.kind === "source" ? node.name : node.title))));
}

function size_of(inner) {
  return inner.nodes.length + [...inner.folders.values()].reduce((sum, one) => sum + size_of(one), 0);
}

/** Marks what is open in the list, and opens the folders on the way to it. */
function mark() {
  for (const link of side.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  const node = nodeOfAddress();
  if (!node) return;
  const path = remembered("tree") === "database" ? place_in_database(node) : place_in_files(node);
  let at = "";
  for (const name of path || []) {
    at += "/" + name;
    const details = [...side.querySelectorAll("details")].find((one) => one.dataset.path === at);
    if (details) details.fill();
  }
  const link = [...side.querySelectorAll("a")].find((one) => one.dataset.id === node.id);
  if (link) {
    link.setAttribute("aria-current", "page");
    link.scrollIntoView({ block: "nearest" });
  }
}

// Addresses: `#!/model/model.shop.orders`, as dbt's site has them, `#!/graph/+orders+1`, `#!/overview`.
function parts_of_address() {
  return location.hash.replace(/^#!?\/?/, "").split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
}

function nodeOfAddress() {
  const [kind, ...id] = parts_of_address();
  return KIND_NAMES[kind] ? byId.get(id.join("/")) : null;
}

function show() {
  const [kind, ...rest] = parts_of_address();
  const node = nodeOfAddress();
  main.classList.toggle("full", kind === "graph");
  let title = null;
  let page;
  if (node) {
    page = nodePage(node);
    title = node.title;
  } else if (kind === "graph") {
    page = graphPage(rest.join("/"));
    title = "Lineage";
  } else if (!kind || kind === "overview") {
    page = overviewPage();
  } else {
    page = [h("h1", null, "Nothing is here"), h("p", null, "The project has no ", h("code", null, rest.join("/") || kind), " now. ", h("a", { href: "#!/overview" }, "To the project"))];
  }
  document.title = (title ? title + " · " : "") + DATA.project;
  main.replaceChildren();
  add(main, page);
  main.scrollTop = 0;
  document.body.classList.remove("listing");
  mark();
}

addEventListener("hashchange", () => {
  closeSearch();
  show();
  main.focus({ preventScroll: true });
});

// Search.
let at = 0;

function find() {
  const hits = search(query.value, 50);
  at = 0;
  const items = hits.map(({ node, why }, i) => h("a", { role: "option", id: "hit-" + i, href: address(node), tabindex: -1, onclick: closeSearch },
    h("span", { class: "chip k-" + node.kind }), h("b", null, node.title), h("span", { class: "faint" }, " " + (KIND_NAMES[node.kind] || "").toLowerCase() + (node.package === DATA.project ? "" : ", " + node.package) + (why ? " · " + why : "")),
    node.description && h("div", { class: "faint line" }, node.description.replace(/[#*_`>|]+/g, " ").slice(0, 160))));
  const nothing = query.value.trim() && !items.length ? [h("p", { class: "faint" }, "Nothing found")] : [];
  found.replaceChildren(...items, ...nothing);
  found.hidden = !query.value.trim();
  query.setAttribute("aria-expanded", String(!found.hidden));
  point();
}

function point() {
  const items = [...found.querySelectorAll("a")];
  items.forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
  if (items[at]) {
    query.setAttribute("aria-activedescendant", items[at].id);
    items[at].scrollIntoView({ block: "nearest" });
  } else {
    query.removeAttribute("aria-activedescendant");
  }
}

function closeSearch() {
  found.hidden = true;
  query.setAttribute("aria-expanded", "false");
  query.blur();
}

query.addEventListener("input", find);
query.addEventListener("focus", () => { if (query.value) find(); });
query.addEventListener("keydown", (event) => {
  const count = found.querySelectorAll("a").length;
  if (event.key === "ArrowDown") at = Math.min(at + 1, count - 1);
  else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
  else if (event.key === "Enter" && count) found.querySelectorAll("a")[at].click();
  else if (event.key === "Escape") closeSearch();
  else return;
  event.preventDefault();
  if (!found.hidden) point();
});
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest("#finder")) found.hidden = true;
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) {
    event.preventDefault();
    query.focus();
    query.select();
  } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    if (event.key === "g") location.hash = nodeOfAddress() ? "#!/graph/" + encodeURIComponent("+" + selectorOf(nodeOfAddress()) + "+") : "#!/graph";
    else if (event.key === "t") theme.click();
  }
});
document.getElementById("menu").addEventListener("click", () => document.body.classList.toggle("listing"));

document.getElementById("home").textContent = DATA.project;
tree();
show();
