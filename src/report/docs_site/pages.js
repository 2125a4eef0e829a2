// The pages: one for each node, one for the project, one for the lineage graph.

function nodePage(node) {
  return [
    crumbs(node),
    h("h1", null, h("span", { class: "badge k-" + node.kind }, KIND_NAMES[node.kind] || node.kind), node.title),
    facts(node),
    node.certificate && certificate(node.certificate),
    node.kind === "source" && freshness(node),
    node.description ? markdown(node.description) : node.kind !== "test" && h("p", { class: "faint" }, "No description."),
    node.kind === "source" && node.source_description && h("details", { class: "aside" }, h("summary", null, "The source " + node.source_name), markdown(node.source_description)),
    node.kind === "macro" || node.kind === "function" ? macroArguments(node) : null,
    columns(node),
    tests(node),
    parts(node),
    unitTest(node),
    lineage(node),
    sql(node),
    settings(node),
  ];
}

function crumbs(node) {
  const path = node.path || "";
  return h("p", { class: "crumbs" }, node.package, path && " / " + path);
}

function row(name, ...value) {
  const said = value.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== "" && one !== false);
  return said.length ? [h("dt", null, name), h("dd", null, said)] : null;
}

function facts(node) {
  const owner = typeof node.owner === "object" && node.owner ? node.owner : {};
  const grants = Object.entries(node.granted || node.grants || {}).map(([who, what]) => h("div", null, who + ": " + [what].flat().join(", ")));
  const newest = node.latest_version !== undefined && node.version !== undefined;
  return h("dl", { class: "facts" },
    row("Relation", node.relation_name && h("code", null, node.relation_name)),
    row("Built as", [node.materialized !== node.kind && node.materialized, node.contract && "contract enforced"].filter(Boolean).join(", ")),
    row("Stored as", node.stored_as && node.stored_as.toLowerCase().replace("base ", "").replace(node.materialized || "", "")),
    row("Owner", node.held_by, owner.name, owner.email && [" ", isHarmless("mailto:" + owner.email) && outward("mailto:" + owner.email, owner.email)]),
    row("Rows", node.rows !== undefined && "about " + node.rows.toLocaleString()),
    row("Size", node.bytes && size(node.bytes)),
    (node.stats || []).map((stat) => row(stat.label, String(stat.value))),
    row(node.granted ? "Granted" : "Grants", grants),
    row("Access", node.access !== "protected" && node.access),
    row("Group", node.group && groupOf(node.group)),
    row("Version", newest && (String(node.version) === String(node.latest_version) ? "the latest" : ["the latest is ", String(node.latest_version)])),
    row("Deprecated from", node.deprecation_date),
    row("Type", node.kind === "exposure" || node.kind === "metric" ? node.type : null),
    row("Maturity", node.maturity),
    row("Address", node.url && (isHarmless(node.url) ? outward(node.url, node.url) : node.url)),
    row("Label", node.label !== node.title && node.label),
    row("Loaded by", node.loader),
    row("Severity", node.kind === "test" && node.severity),
    row("Returns", node.returns && node.returns.data_type),
    row("Last run", node.result && node.kind !== "source" && status(node.result)),
    row("Tags", (node.tags || []).map((tag) => h("a", { class: "tag", href: "#!/graph/" + encodeURIComponent("tag:" + tag) }, tag))),
    row("Meta", node.meta && h("code", null, JSON.stringify(node.meta))));
}

function groupOf(name) {
  const group = DATA.groups.find((one) => one.name === name);
  const owner = (group && group.owner) || {};
  return [name, (owner.name || owner.email) && h("span", { class: "faint" }, " of " + [owner.name, owner.email].filter(Boolean).join(", "))];
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  let amount = bytes;
  while (amount >= 1024 && at < units.length - 1) {
    amount /= 1024;
    at += 1;
  }
  return (at && amount < 10 ? amount.toFixed(1) : Math.round(amount)) + " " + units[at];
}

function moment(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : h("time", { datetime: text, title: text }, at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
}

function status(result) {
  const failures = result.failures ? ", " + result.failures.toLocaleString() + (result.failures === 1 ? " row" : " rows") : "";
  return h("span", { class: "status s-" + tone(result.status), title: result.message || null }, result.status + failures,
    result.at && h("span", { class: "faint" }, " ", moment(result.at)));
}

function certificate(found) {
  const warned = (found.tests || []).filter((test) => test.status === "warn");
  return h("section", { class: "certificate" },
    h("h2", null, "Certified"),
    h("dl", { class: "facts" },
      row("Version", h("code", null, found.version)),
      row("Audited", moment(found.certified_at), found.scope === "delta" && " (the newest rows; the others were audited before)"),
      row("Tests", found.tests_passed + " passed" + (found.tests_warned ? ", " + found.tests_warned + " warned" : "")),
      row("Warnings", warned.map((test) => h("div", null, byId.has(test.test) ? link(byId.get(test.test)) : test.test, ": " + test.failures.toLocaleString() + (test.failures === 1 ? " row" : " rows")))),
      row("Rows", found.rows !== null && found.rows !== undefined && found.rows.toLocaleString()),
      row("Data as of", found.data_as_of && moment(found.data_as_of)),
      row("Last change", found.changes && "+" + found.changes.added + " ~" + found.changes.changed + " -" + found.changes.removed + " rows"),
      row("Holds until", found.expires_at && [moment(found.expires_at), Date.parse(found.expires_at) < Date.now() && h("span", { class: "status s-bad" }, " expired")]),
      row("Sources", (found.sources || []).map((source) => h("div", null,
        h("span", { class: "status s-" + (TONES[source.status] || "none") }, source.status), " " + source.source.split(".").slice(2).join("."),
        source.max_loaded_at && [", newest row ", moment(source.max_loaded_at)])))));
}

const TONES = { pass: "good", warn: "warn", error: "bad", "runtime error": "bad" };

function freshness(node) {
  const rule = node.freshness || {};
  const after = (limit) => limit && limit.count ? limit.count + " " + limit.period + (limit.count === 1 ? "" : "s") : null;
  const fresh = node.fresh;
  if (!fresh && !after(rule.warn_after) && !after(rule.error_after)) return null;
  return h("section", null, h("h2", null, "Freshness"), h("dl", { class: "facts" },
    row("State", fresh && h("span", { class: "status s-" + (TONES[fresh.status] || "none") }, fresh.status, fresh.error && ": " + fresh.error)),
    row("Newest row", fresh && fresh.max_loaded_at && moment(fresh.max_loaded_at)),
    row("Asked", fresh && fresh.snapshotted_at && moment(fresh.snapshotted_at)),
    row("Loaded at", node.loaded_at_field && h("code", null, node.loaded_at_field)),
    row("Warns after", after(rule.warn_after)),
    row("Fails after", after(rule.error_after))));
}

function section(title, count, ...content) {
  return h("section", null, h("h2", null, title, count !== null && h("span", { class: "count" }, String(count))), content);
}

function columns(node) {
  if (!node.columns.length) return null;
  const described = node.columns.some((column) => column.description);
  const lines = node.columns.map((column) => {
    const found = columnTests(node, column);
    const from = ((node.lineage || {})[column.name] || []).filter(([id]) => byId.has(id));
    return h("tr", { class: column.absent ? "absent" : null },
      h("td", null, h("code", null, column.name),
        column.absent && h("div", { class: "faint" }, "described, not in the table"),
        (column.tags || []).map((tag) => h("span", { class: "tag" }, tag))),
      h("td", { class: "type" }, column.type),
      h("td", null, column.description && markdown(column.description),
        (column.constraints || []).map((one) => h("span", { class: "tag" }, one.type.replace("_", " "))),
        from.map(([id, name]) => h("div", { class: "faint" }, "from ", h("a", { href: address(byId.get(id)) }, byId.get(id).title), "." + name))),
      h("td", null, found.map((test) => testLine(test))));
  });
  return section("Columns", node.columns.length, h("div", { class: "wide" }, h("table", { class: "columns" },
    h("thead", null, h("tr", null, h("th", null, "Name"), h("th", null, "Type"), h("th", null, described ? "Description" : ""), h("th", null, "Tests"))),
    h("tbody", null, lines))));
}

function testLine(test) {
  const result = statusOf(test);
  return h("div", { class: "test" },
    h("span", { class: "mark s-" + (result ? tone(result.status) : "none"), title: result ? result.status + (result.message ? ": " + result.message : "") : "not run" }),
    h("a", { href: address(test), title: test.name }, testTitle(test)),
    result && result.failures ? h("span", { class: "faint" }, " " + result.failures.toLocaleString() + (result.failures === 1 ? " row" : " rows")) : null);
}

function tests(node) {
  const named = new Set(node.columns.flatMap((column) => columnTests(node, column)));
  const rest = (testsOf.get(node.id) || []).filter((test) => !named.has(test));
  return rest.length ? section(named.size ? "Other tests" : "Tests", rest.length, rest.map(testLine)) : null;
}

/** What a semantic model, a metric or a saved query consists of. */
function parts(node) {
  const lists = [["Entities", node.entities], ["Dimensions", node.dimensions], ["Measures", node.measures]];
  const tables = lists.filter(([, list]) => Array.isArray(list) && list.length).map(([title, list]) => section(title, list.length, h("div", { class: "wide" }, h("table", null,
    h("tbody", null, list.map((one) => h("tr", null, h("td", null, h("code", null, one.name)), h("td", { class: "type" }, one.type || one.agg), h("td", null, one.description || (one.expr && h("code", null, String(one.expr)))))))))));
  const shown = [["Definition", node.type_params], ["Query", node.query_params], ["Exports", node.exports]];
  const texts = shown.filter(([, value]) => value).map(([title, value]) => section(title, null, h("pre", null, h("code", null, JSON.stringify(withoutNothing(value), null, 2)))));
  return [tables, texts];
}

function withoutNothing(value) {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (!value || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([, one]) => one !== null && !(Array.isArray(one) && !one.length) && one !== false);
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutNothing(one)]));
}

function unitTest(node) {
  if (node.kind !== "unit_test") return null;
  const given = [node.given || []].flat().map((one) => section("Given " + one.input, null, rows(one.rows)));
  return [given, node.expect && section("Expected", null, rows(node.expect.rows))];
}

function rows(list) {
  if (!Array.isArray(list)) return h("pre", null, h("code", null, highlighted(String(list || ""))));
  const names = [...new Set(list.flatMap((one) => Object.keys(one)))];
  if (!names.length) return h("p", { class: "faint" }, "no rows");
  return h("div", { class: "wide" }, h("table", null, h("thead", null, h("tr", null, names.map((name) => h("th", null, name)))),
    h("tbody", null, list.map((one) => h("tr", null, names.map((name) => h("td", null, one[name] === null || one[name] === undefined ? h("span", { class: "faint" }, "null") : String(one[name]))))))));
}

function macroArguments(node) {
  const list = node.arguments || [];
  return list.length ? section("Arguments", list.length, h("div", { class: "wide" }, h("table", null,
    h("tbody", null, list.map((one) => h("tr", null, h("td", null, h("code", null, one.name)), h("td", { class: "type" }, one.type || one.data_type), h("td", null, one.description && markdown(one.description)))))))) : null;
}

const NEIGHBOURS = ["model", "source", "seed", "snapshot", "function", "exposure", "metric", "semantic_model", "saved_query", "analysis", "macro"];

function lineage(node) {
  const above = [...parentsOf(node), ...(node.macros || []).map((id) => byId.get(id)).filter(Boolean)];
  const below = childrenOf(node).filter((one) => NEIGHBOURS.includes(one.kind));
  if (!above.length && !below.length) return null;
  const kinds = new Set(DRAWN);
  const drawn = DRAWN.includes(node.kind) && (node.parents.length || below.length);
  let picture = null;
  if (drawn) {
    const near = chosenNear(node, kinds);
    const made = drawing(near, node, "Lineage of " + node.title);
    made.picture.classList.add("small");
    const tallest = Math.max(...[parentsOf(node).length, below.length, 1]);
    made.picture.style.height = Math.min(380, Math.max(110, tallest * 44 + 50)) + "px";
    requestAnimationFrame(made.view.fit);
    picture = [made.picture, h("p", null, h("a", { href: "#!/graph/" + encodeURIComponent("+" + selectorOf(node) + "+") }, "Everything above and below it in the lineage graph"))];
  }
  const listed = (title, list) => h("div", null, h("h3", null, title), list.length ? h("ul", { class: "plain" }, [...new Set(list)].map((one) => h("li", null, link(one)))) : h("p", { class: "faint" }, "nothing"));
  return section("Lineage", null, picture, h("div", { class: "two" }, listed("Depends on", above), listed("Referenced by", below)));
}

function chosenNear(node, kinds) {
  const within = new Set([...byId.values()].filter((one) => kinds.has(one.kind) && isShown(one)));
  within.add(node);
  return new Set([...spreadOver([node], parentsOf, 1, within), ...spreadOver([node], childrenOf, 1, within)]);
}

function selectorOf(node) {
  if (node.kind === "source") return "source:" + node.title;
  return ["exposure", "metric"].includes(node.kind) ? node.kind + ":" + node.name : node.title;
}

function link(node) {
  return h("a", { href: address(node), class: "to" }, h("span", { class: "chip k-" + node.kind, "aria-hidden": "true" }), node.title, h("span", { class: "faint" }, " " + (KIND_NAMES[node.kind] || node.kind).toLowerCase()));
}

function sql(node) {
  const kinds = [["Compiled", node.compiled], ["Source", node.raw]].filter(([, text]) => text);
  if (!kinds.length) return null;
  const body = h("pre", { class: "sql", tabindex: 0 });
  const show = (at) => {
    body.replaceChildren(h("code", null, highlighted(kinds[at][1].trim())));
    tabs.forEach((tab, i) => tab.setAttribute("aria-selected", String(i === at)));
  };
  const tabs = kinds.map(([name], at) => h("button", { role: "tab", onclick: () => show(at) }, name));
  const copy = h("button", { class: "copy", onclick: async () => {
    await navigator.clipboard.writeText(body.textContent);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  } }, "Copy");
  show(kinds.length - 1);
  return section("Code", null, h("div", { class: "tabs", role: "tablist" }, tabs, navigator.clipboard && copy), body);
}

function settings(node) {
  const list = Object.entries(node.config || {});
  if (!list.length) return null;
  return h("details", { class: "aside" }, h("summary", null, "Settings"), h("dl", { class: "facts" }, list.map(([key, value]) => row(key, h("code", null, typeof value === "string" ? value : JSON.stringify(value))))));
}

function overviewPage() {
  const counted = KINDS.map(([kind, many]) => [kind, many, [...byId.values()].filter((node) => node.kind === kind && isShown(node)).length]).filter(([, , count]) => count);
  const checked = [...byId.values()].filter((node) => node.kind === "test" || node.kind === "unit_test");
  const ended = checked.map((test) => [test, statusOf(test)]);
  const of = (kind) => ended.filter(([, result]) => result && tone(result.status) === kind);
  const bare = [...byId.values()].filter((node) => node.kind === "model" && isShown(node) && node.package === DATA.project);
  const trouble = [...of("bad"), ...of("warn")];
  return [
    h("h1", null, DATA.project),
    h("p", { class: "faint" }, "Target ", DATA.target, ", written ", moment(DATA.generated_at), " by Assay ", DATA.version, DATA.results_at && [". Results of ", moment(DATA.results_at)], "."),
    DATA.overview && markdown(DATA.overview),
    h("div", { class: "tiles" }, counted.map(([kind, many, count]) => h("a", { class: "tile", href: kind === "macro" ? null : "#!/graph/" + encodeURIComponent("resource_type:" + kind) }, h("span", { class: "chip k-" + kind }), h("b", null, count.toLocaleString()), many))),
    section("Tests", null, checked.length ? h("p", null, of("good").length + " passed, ", of("warn").length + " warned, ", of("bad").length + " failed, ", checked.length - of("good").length - of("warn").length - of("bad").length + " not run.") : h("p", { class: "faint" }, "The project has no tests."),
      trouble.map(([test, result]) => h("div", { class: "test" }, h("span", { class: "mark s-" + tone(result.status) }), h("a", { href: address(test) }, test.name), h("span", { class: "faint" }, " " + (result.message || result.status))))),
    bare.length > 0 && section("Models", null, h("p", null, bare.filter((node) => node.description).length + " of " + bare.length + " described, ", bare.filter((node) => (testsOf.get(node.id) || []).length).length + " tested."),
      certified()),
  ];
}

function certified() {
  const list = [...byId.values()].filter((node) => node.certificate);
  if (!list.length) return null;
  return [h("h3", null, "Published and certified"), h("div", { class: "wide" }, h("table", null,
    h("thead", null, h("tr", null, ["Model", "Audited", "Tests", "Warnings", "Data as of"].map((name) => h("th", null, name)))),
    h("tbody", null, list.map((node) => h("tr", null, h("td", null, link(node)), h("td", null, moment(node.certificate.certified_at)), h("td", null, String(node.certificate.tests_passed)), h("td", null, String(node.certificate.tests_warned)), h("td", null, node.certificate.data_as_of && moment(node.certificate.data_as_of)))))))];
}

function graphPage(selector) {
  const kinds = new Set(DRAWN);
  for (const kind of ON_DEMAND) if (selector.includes("resource_type:" + kind)) kinds.add(kind);
  const here = h("div", { class: "canvas" });
  const told = h("span", { class: "faint", role: "status" });
  const select = h("input", { type: "search", value: selector, placeholder: "All; +orders, orders+2, tag:x", "aria-label": "Nodes to show, as in --select", spellcheck: "false" });
  const exclude = h("input", { type: "search", placeholder: "Leave out", "aria-label": "Nodes to leave out, as in --exclude", spellcheck: "false" });
  let view = null;
  const draw = () => {
    const all = [...byId.values()].filter((node) => kinds.has(node.kind) && isShown(node));
    const wanted = select.value.trim() ? chosen(select.value, kinds) : new Set(all);
    const without = exclude.value.trim() ? chosen(exclude.value, kinds) : new Set();
    const nodes = new Set([...wanted].filter((node) => !without.has(node)));
    told.textContent = nodes.size ? nodes.size + " of " + all.length : "Nothing is called that";
    const cores = select.value.trim().split(/\s+/).map((term) => term.replace(/^@|^\d*\+|\+\d*$/g, ""));
    const focus = cores.length === 1 && cores[0] ? [...nodes].find((node) => selectorOf(node) === cores[0] || node.title === cores[0]) : null;
    const made = drawing(nodes, focus);
    view = made.view;
    here.replaceChildren(made.picture);
    requestAnimationFrame(made.view.fit);
  };
  const go = () => {
    history.replaceState(null, "", "#!/graph" + (select.value.trim() ? "/" + encodeURIComponent(select.value.trim()) : ""));
    draw();
  };
  for (const input of [select, exclude]) input.addEventListener("change", go);
  const there = [...DRAWN, ...ON_DEMAND].filter((kind) => [...byId.values()].some((node) => node.kind === kind));
  const boxes = there.map((kind) => h("label", null, h("input", { type: "checkbox", checked: kinds.has(kind), onchange: (event) => {
    if (event.target.checked) kinds.add(kind);
    else kinds.delete(kind);
    draw();
  } }), h("span", { class: "chip k-" + kind }), KINDS.find(([one]) => one === kind)[1]));
  draw();
  return [h("div", { class: "graphbar" }, select, exclude, h("div", { class: "kinds" }, boxes), told,
    h("span", { class: "zoom" }, [["−", 0.8, "Smaller"], ["+", 1.25, "Larger"]].map(([sign, by, label]) => h("button", { "aria-label": label, onclick: () => view.zoom(by) }, sign)), h("button", { onclick: () => view.fit() }, "Fit"))), here];
}
