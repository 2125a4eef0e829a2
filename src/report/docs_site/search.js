// Finding things: every word must be somewhere; where it is decides the order.

let texts = null;

function search(query, limit) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  texts = texts || [...byId.values()].filter(isShown).map((node) => ({
    node,
    name: node.title.toLowerCase(),
    columns: node.columns.map((column) => column.name.toLowerCase()),
    tags: (node.tags || []).map((tag) => String(tag).toLowerCase()),
    rest: [node.description, node.label, node.path, node.package, node.kind.replace("_", " "), node.group, ...node.columns.map((c) => c.description)].filter(Boolean).join("\n").toLowerCase(),
    code: (node.raw || "").toLowerCase(),
    weight: { model: 6, source: 5, seed: 4, snapshot: 4, exposure: 4, metric: 4, macro: 1, test: -8, unit_test: -8 }[node.kind] || 0,
  }));
  const found = [];
  for (const text of texts) {
    let score = text.weight;
    let why = null;
    for (const word of words) {
      const [points, reason] = points_of(text, word);
      if (!points) {
        score = null;
        break;
      }
      score += points;
      why = reason || why;
    }
    if (score !== null) found.push({ node: text.node, score, why });
  }
  found.sort((a, b) => b.score - a.score || a.node.title.length - b.node.title.length || a.node.title.localeCompare(b.node.title));
  return found.slice(0, limit);
}

function points_of(text, word) {
  if (text.name === word) return [100, null];
  if (text.name.startsWith(word)) return [60, null];
  if (text.name.includes("_" + word) || text.name.includes("." + word)) return [50, null];
  if (text.name.includes(word)) return [40, null];
  const column = text.columns.find((name) => name === word) || text.columns.find((name) => name.includes(word));
  if (column) return [column === word ? 35 : 22, "column " + column];
  const tag = text.tags.find((name) => name.includes(word));
  if (tag) return [30, "tag " + tag];
  if (text.rest.includes(word)) return [12, null];
  return text.code.includes(word) ? [3, "in its code"] : [0, null];
}
