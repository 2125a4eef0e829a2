// The lineage graph: drawn, moved, and chosen from with dbt's selectors.

const DRAWN = ["source", "seed", "snapshot", "model", "function", "exposure", "metric", "semantic_model", "saved_query"];
const ON_DEMAND = ["test", "unit_test", "analysis"];
const HEIGHT = 30;

/** The nodes that a selector means: names with `*`, `tag:`, `source:`, `package:`, `path:`, `resource_type:`, each with `2+x+1`, `@x`. */
function chosen(selector, kinds) {
  const all = [...byId.values()].filter((node) => kinds.has(node.kind) && isShown(node));
  const union = new Set();
  for (const term of selector.split(/\s+/).filter(Boolean)) {
    let met = null;
    for (const part of term.split(",").filter(Boolean)) {
      const found = chosenBy(part, all);
      met = met ? new Set([...met].filter((node) => found.has(node))) : found;
    }
    for (const node of met || []) union.add(node);
  }
  return union;
}

function chosenBy(part, all) {
  const [, at, above, core, below] = /^(@)?(?:(\d*)\+)?(.*?)(?:\+(\d*))?$/.exec(part);
  const [, method, value] = /^(?:(\w+(?:\.\w+)?):)?(.*)$/.exec(core);
  const pattern = new RegExp("^" + value.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*") + "$", "i");
  const matches = {
    tag: (node) => (node.tags || []).some((tag) => pattern.test(tag)),
    source: (node) => node.kind === "source" && (pattern.test(node.source_name) || pattern.test(node.title) || pattern.test(node.package + "." + node.title)),
    package: (node) => pattern.test(node.package),
    path: (node) => node.path === value || (node.path || "").startsWith(value.replace(/\/?$/, "/")) || pattern.test(node.path),
    resource_type: (node) => pattern.test(node.kind),
    group: (node) => pattern.test(node.group || ""),
    access: (node) => pattern.test(node.access || ""),
    exposure: (node) => node.kind === "exposure" && pattern.test(node.name),
    metric: (node) => node.kind === "metric" && pattern.test(node.name),
    "config.materialized": (node) => pattern.test(node.materialized || ""),
  };
  const byName = (node) => pattern.test(node.title) || pattern.test(node.name) || pattern.test(node.id) || pattern.test(node.package + "." + node.name)
    || (node.path || "").split("/").slice(1, -1).some((folder) => pattern.test(folder));
  const test = method ? matches[method] || (() => false) : byName;
  const found = new Set(value ? all.filter(test) : []);
  const within = new Set(all);
  const steps = (text) => text === "" ? Infinity : Number(text);
  const core_nodes = [...found];
  if (at) {
    const downstream = spreadOver(core_nodes, (node) => childrenOf(node), Infinity, within);
    for (const node of spreadOver([...downstream], parentsOf, Infinity, within)) found.add(node);
  }
  if (above !== undefined) for (const node of spreadOver(core_nodes, parentsOf, steps(above), within)) found.add(node);
  if (below !== undefined) for (const node of spreadOver(core_nodes, childrenOf, steps(below), within)) found.add(node);
  return found;
}

function parentsOf(node) {
  return node.parents.map((id) => byId.get(id));
}

function spreadOver(from, next, steps, within) {
  const seen = new Set(from);
  let edge = from;
  for (let step = 0; step < steps && edge.length; step += 1) {
    edge = edge.flatMap(next).filter((node) => within.has(node) && !seen.has(node) && seen.add(node));
  }
  return seen;
}

const pen = document.createElement("canvas").getContext("2d");

function widthOf(title) {
  pen.font = "13px system-ui, sans-serif";
  return Math.min(340, Math.ceil(pen.measureText(title).width)) + 34;
}

/** A picture of some nodes that can be moved and zoomed. `focus` stands out. */
function drawing(nodes, focus, label) {
  const shape = layout([...nodes].map((node) => ({ id: node.id, width: widthOf(node.title) + (worst(node) ? 14 : 0), height: HEIGHT, parents: node.parents })));
  const lines = shape.edges.map((edge) => ({ edge, path: svg("path", { class: "edge", d: route(edge) }) }));
  const boxes = new Map();
  for (const spot of shape.nodes.values()) {
    const node = byId.get(spot.id);
    const color = /^(#[0-9a-f]{3,8}|[a-z]+)$/i.test(node.color || "") ? node.color : null;
    const status = worst(node);
    const box = svg("a", { class: "node k-" + node.kind + (node === focus ? " focus" : ""), href: address(node), transform: `translate(${spot.x} ${spot.y})`, "aria-label": KIND_NAMES[node.kind] + " " + node.title },
      svg("title", null, node.title + "\n" + KIND_NAMES[node.kind] + (node.materialized ? ", " + node.materialized : "") + (status ? "\n" + status.text : "")),
      svg("rect", { width: spot.width, height: HEIGHT, rx: 6 }),
      svg("rect", { class: "stripe", width: 5, height: HEIGHT - 12, x: 7, y: 6, rx: 2.5 }),
      svg("text", { x: 19, y: HEIGHT / 2 }, fitted(node.title)),
      status && svg("circle", { class: "dot s-" + status.kind, cx: spot.width - 10, cy: HEIGHT / 2, r: 4 }));
    if (color) box.querySelector(".stripe").style.fill = color;
    boxes.set(node, box);
  }
  const world = svg("g", null, lines.map((line) => line.path), [...boxes.values()]);
  const picture = svg("svg", { class: "graph", role: "group", tabindex: 0, "aria-label": label || "Lineage graph; arrow keys move it, plus and minus zoom, Tab goes from node to node" }, world);
  light(picture, boxes, lines);
  const view = movable(picture, world, shape, focus && shape.nodes.get(focus.id));
  return { picture, view };
}

function fitted(title) {
  if (widthOf(title) < 374) return title;
  return title.slice(0, 22) + "…" + title.slice(-22);
}

/** How the tests of a node ended, as one colour. */
function worst(node) {
  if (node.kind === "test" || node.kind === "unit_test") {
    const result = statusOf(node);
    return result && { kind: tone(result.status), text: result.status };
  }
  const ended = (testsOf.get(node.id) || []).map(statusOf).filter(Boolean).map((result) => tone(result.status));
  for (const [kind, word] of [["bad", "failed"], ["warn", "warned"]]) {
    const count = ended.filter((one) => one === kind).length;
    if (count) return { kind, text: count + (count === 1 ? " test " : " tests ") + word };
  }
  return ended.includes("good") ? { kind: "good", text: "tests passed" } : null;
}

function tone(status) {
  return { pass: "good", success: "good", warn: "warn", fail: "bad", error: "bad", "runtime error": "bad" }[status] || "none";
}

function route({ from, to, through }) {
  const points = [[from.x + from.width, from.y + from.height / 2]];
  for (const bend of through || []) points.push([bend.x, bend.y], [bend.x + bend.column, bend.y]);
  points.push([to.x, to.y + to.height / 2]);
  // Up to the end of its own column an edge runs straight.
  if (from.column > from.width) points.splice(1, 0, [from.x + from.column, points[0][1]]);
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 1; i < points.length; i += 1) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    const half = (x1 - x0) / 2;
    path += y0 === y1 ? `L${x1} ${y1}` : `C${x0 + half} ${y0} ${x1 - half} ${y1} ${x1} ${y1}`;
  }
  return path;
}

/** Under the pointer: everything above and below a node stands out. */
function light(picture, boxes, lines) {
  const show = (node) => {
    const within = new Set(boxes.keys());
    const lit = node && new Set([...spreadOver([node], parentsOf, Infinity, within), ...spreadOver([node], childrenOf, Infinity, within)]);
    const up = node && spreadOver([node], parentsOf, Infinity, within);
    const down = node && spreadOver([node], childrenOf, Infinity, within);
    picture.classList.toggle("lit", Boolean(node));
    for (const [one, box] of boxes) box.classList.toggle("on", Boolean(lit && lit.has(one)));
    for (const { edge, path } of lines) {
      const [from, to] = [byId.get(edge.from.id), byId.get(edge.to.id)];
      path.classList.toggle("on", Boolean(node && ((up.has(from) && up.has(to)) || (down.has(from) && down.has(to)))));
    }
  };
  for (const [node, box] of boxes) {
    box.addEventListener("pointerenter", () => show(node));
    box.addEventListener("pointerleave", () => show(null));
    box.addEventListener("focus", () => show(node));
    box.addEventListener("blur", () => show(null));
  }
}

/** Moving with the pointer and the arrow keys, zooming with the wheel and with + and -. */
function movable(picture, world, shape, focus) {
  const state = { x: 0, y: 0, k: 1 };
  const spots = [...shape.nodes.values()];
  let waiting = false;
  // However many events there are, a frame moves once; from afar there is nothing to read, and nothing written.
  const apply = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      world.setAttribute("transform", `translate(${state.x} ${state.y}) scale(${state.k})`);
      picture.classList.toggle("far", state.k < 0.3);
    });
  };
  const zoom = (by, x, y) => {
    const k = Math.min(3, Math.max(0.05, state.k * by));
    Object.assign(state, { x: x - ((x - state.x) * k) / state.k, y: y - ((y - state.y) * k) / state.k, k });
    apply();
  };
  const middle = () => [picture.clientWidth / 2, picture.clientHeight / 2];
  const fit = () => {
    const [width, height] = [picture.clientWidth, picture.clientHeight];
    const right = Math.max(...spots.map((spot) => spot.x + spot.width), 1);
    const bottom = Math.max(...spots.map((spot) => spot.y + spot.height), 1);
    state.k = Math.min(1, (width - 48) / right, (height - 48) / bottom);
    // Rather part of it legible than all of it as dust.
    if (focus && state.k < 0.5) state.k = 0.7;
    state.k = Math.max(0.05, state.k);
    const whole = !focus || state.k < 0.7 || (right * state.k < width && bottom * state.k < height);
    const [cx, cy] = whole ? [right / 2, bottom / 2] : [focus.x + focus.width / 2, focus.y + focus.height / 2];
    state.x = width / 2 - cx * state.k;
    state.y = height / 2 - cy * state.k;
    apply();
  };
  let held = null;
  picture.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    held = { x: event.clientX - state.x, y: event.clientY - state.y, moved: false, from: [event.clientX, event.clientY], id: event.pointerId };
  });
  picture.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!held.moved && Math.hypot(event.clientX - held.from[0], event.clientY - held.from[1]) < 4) return;
    if (!held.moved) picture.setPointerCapture(held.id);
    held.moved = true;
    state.x = event.clientX - held.x;
    state.y = event.clientY - held.y;
    apply();
  });
  const drop = (event) => {
    if (held && held.moved) picture.addEventListener("click", (click) => click.preventDefault(), { once: true, capture: true });
    if (event.type === "pointercancel" || held) setTimeout(() => { held = null; });
  };
  picture.addEventListener("pointerup", drop);
  picture.addEventListener("pointercancel", drop);
  picture.addEventListener("dragstart", (event) => event.preventDefault());
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (step) {
      state.x += step[0];
      state.y += step[1];
      apply();
    } else if (event.key === "+" || event.key === "=") zoom(1.25, ...middle());
    else if (event.key === "-") zoom(0.8, ...middle());
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });
  return { fit, zoom: (by) => zoom(by, ...middle()) };
}
