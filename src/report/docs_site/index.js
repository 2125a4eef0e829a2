// The project: everything by id, who reads whom, and which tests look at what.

const DATA = JSON.parse(document.getElementById("data").textContent);
const KINDS = [
  ["source", "Sources"], ["seed", "Seeds"], ["snapshot", "Snapshots"], ["model", "Models"], ["analysis", "Analyses"],
  ["exposure", "Exposures"], ["semantic_model", "Semantic models"], ["metric", "Metrics"], ["saved_query", "Saved queries"],
  ["function", "Functions"], ["test", "Data tests"], ["unit_test", "Unit tests"], ["macro", "Macros"],
];
const KIND_NAMES = Object.fromEntries(KINDS.map(([kind, many]) =>
  [kind, many.endsWith("ies") ? "Saved query" : many === "Analyses" ? "Analysis" : many.slice(0, -1)]));
const SHAPED = ["model", "source", "seed", "snapshot", "exposure", "metric", "semantic_model", "saved_query", "function", "analysis", "test", "unit_test"];

const byId = new Map(DATA.nodes.filter((node) => node.kind !== "operation" && node.kind !== "sql_operation").map((node) => [node.id, node]));
const children = new Map();
const testsOf = new Map();

for (const node of byId.values()) {
  node.title = node.kind === "source" ? node.source_name + "." + node.name
    : node.version !== undefined ? node.name + ".v" + node.version : node.name;
  node.parents = (node.parents || []).filter((id) => byId.has(id));
  node.columns = node.columns || [];
  for (const parent of node.parents) push(children, parent, node.id);
  for (const called of node.macros || []) push(children, called, node.id);
  if (node.kind === "test") {
    for (const parent of node.attached_node ? [node.attached_node] : node.parents) push(testsOf, parent, node);
  } else if (node.kind === "unit_test") {
    for (const parent of node.parents.slice(0, 1)) push(testsOf, parent, node);
  }
}

function push(map, key, value) {
  if (!map.has(key)) map.set(key, []);
  map.get(key).push(value);
}

function childrenOf(node) {
  return [...new Set(children.get(node.id) || [])].map((id) => byId.get(id));
}

function isShown(node) {
  return !node.hidden;
}

function address(node) {
  return "#!/" + node.kind + "/" + encodeURIComponent(node.id);
}

/** `not_null(order_id)`: what a test says, short. */
function testTitle(test) {
  if (!test.test) return test.name;
  const name = (test.test.namespace ? test.test.namespace + "." : "") + test.test.name;
  const given = Object.entries(test.test.kwargs || {}).filter(([key]) => key !== "model" && key !== "column_name");
  const told = given.map(([key, value]) => key + ": " + (typeof value === "string" ? value : JSON.stringify(value)));
  return name + (told.length ? " (" + told.join(", ") + ")" : "");
}

/** How a test ended: in the last run, else in the certificate of the model that it looks at. */
function statusOf(test) {
  if (test.result) return test.result;
  for (const parent of test.parents) {
    const evidence = ((byId.get(parent).certificate || {}).tests || []).find((one) => one.test === test.id || one.test === test.name);
    if (evidence) return { status: evidence.status, failures: evidence.failures, at: byId.get(parent).certificate.certified_at };
  }
  return null;
}

function columnTests(node, column) {
  const name = column.name.toLowerCase();
  return (testsOf.get(node.id) || []).filter((test) => test.kind === "test" && String(test.column_name || "").replace(/^"|"$/g, "").toLowerCase() === name);
}
