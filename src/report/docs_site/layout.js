// Where the nodes of a lineage graph go: ranks from left to right, few crossings, short and straight edges.

const GAP = { rank: 64, node: 12 };
const MOST_BENDS = 20000;

/** `nodes`: `{id, width, height, parents}`. Gives places by id, and the points that each edge goes through. */
function layout(nodes) {
  const ids = new Map(nodes.map((node) => [node.id, { ...node, above: [], below: [], rank: 0 }]));
  const edges = [];
  for (const node of ids.values()) {
    for (const parent of new Set(node.parents)) {
      const from = ids.get(parent);
      if (from && from !== node) edges.push({ from, to: node });
    }
  }
  const single = new Set(ids.values());
  for (const { from, to } of edges) {
    from.below.push(to);
    to.above.push(from);
    single.delete(from);
    single.delete(to);
  }
  const tied = [...ids.values()].filter((node) => !single.has(node));
  rank(tied);
  const ranks = bend(tied, edges);
  order(ranks);
  place(ranks);
  const bottom = tied.reduce((most, node) => Math.max(most, node.y + node.height), 0);
  scatter([...single], tied.length ? bottom + 40 : 0, ranks);
  return { nodes: ids, edges };
}

/** Each node stands after all that it reads, and as near to its readers as that allows where it reads nothing. */
function rank(nodes) {
  const waiting = new Map(nodes.map((node) => [node, node.above.length]));
  const ready = nodes.filter((node) => !node.above.length);
  while (ready.length) {
    const node = ready.pop();
    for (const next of node.below) {
      next.rank = Math.max(next.rank, node.rank + 1);
      waiting.set(next, waiting.get(next) - 1);
      if (!waiting.get(next)) ready.push(next);
    }
  }
  for (const node of nodes) {
    if (!node.above.length) node.rank = Math.max(0, Math.min(...node.below.map((next) => next.rank)) - 1);
  }
}

/** The ranks as lists. An edge over several of them gets a bend in each, which takes room like a node. */
function bend(nodes, edges) {
  const ranks = [];
  const put = (node) => (ranks[node.rank] = ranks[node.rank] || []).push(node);
  const seen = new Set();
  // Depth first, so that what hangs together starts together.
  const walk = (start) => {
    const stack = [start];
    while (stack.length) {
      const node = stack.pop();
      if (seen.has(node)) continue;
      seen.add(node);
      put(node);
      stack.push(...node.above, ...[...node.below].reverse());
    }
  };
  for (const node of nodes) node.near = { before: [], after: [] };
  nodes.forEach(walk);
  const bends = edges.reduce((sum, { from, to }) => sum + Math.max(0, to.rank - from.rank - 1), 0);
  for (const edge of edges) {
    edge.through = [];
    let last = edge.from;
    for (let r = edge.from.rank + 1; r < edge.to.rank && bends <= MOST_BENDS; r += 1) {
      const point = { rank: r, width: 0, height: 2, isBend: true, near: { before: [], after: [] } };
      put(point);
      edge.through.push(point);
      tie(last, point);
      last = point;
    }
    tie(last, edge.to);
  }
  for (let r = 0; r < ranks.length; r += 1) ranks[r] = ranks[r] || [];
  return ranks;
}

function tie(from, to) {
  from.near.after.push(to);
  to.near.before.push(from);
}

/** Sweeps over the ranks and puts each node where its neighbours are on average. */
function order(ranks) {
  const number = (list) => list.forEach((node, i) => { node.at = i; });
  ranks.forEach(number);
  const sweep = (list, side) => {
    const wish = (node) => {
      const near = node.near[side];
      return near.length ? near.reduce((sum, other) => sum + other.at, 0) / near.length : node.at;
    };
    const wishes = new Map(list.map((node) => [node, wish(node)]));
    list.sort((a, b) => wishes.get(a) - wishes.get(b) || a.at - b.at);
    number(list);
  };
  for (let round = 0; round < 12; round += 1) {
    for (let r = 1; r < ranks.length; r += 1) sweep(ranks[r], "before");
    for (let r = ranks.length - 2; r >= 0; r -= 1) sweep(ranks[r], "after");
  }
}

/** Coordinates: as near to the neighbours as the order and the room between nodes allow. */
function place(ranks) {
  let x = 0;
  for (const list of ranks) {
    const width = list.reduce((most, node) => Math.max(most, node.width), 0);
    let y = 0;
    for (const node of list) {
      Object.assign(node, { x, y, column: width });
      y += node.height + GAP.node;
    }
    x += width + GAP.rank;
  }
  const middle = (node) => node.y + node.height / 2;
  const settle = (list, sides) => {
    const wishes = list.map((node) => {
      const near = sides.flatMap((side) => node.near[side]);
      const sum = near.reduce((total, other) => total + middle(other), 0);
      return near.length ? sum / near.length - node.height / 2 : node.y;
    });
    spread(list, wishes);
  };
  for (let round = 0; round < 10; round += 1) {
    const sides = round < 8 ? null : ["before", "after"];
    for (let r = 1; r < ranks.length; r += 1) settle(ranks[r], sides || ["before"]);
    for (let r = ranks.length - 2; r >= 0; r -= 1) settle(ranks[r], sides || ["after"]);
  }
  const top = Math.min(...ranks.flat().map((node) => node.y), Infinity);
  for (const node of ranks.flat()) node.y -= top === Infinity ? 0 : top;
}

/** The places nearest to the wishes (least squares) that keep the order and overlap nowhere. */
function spread(list, wishes) {
  const blocks = [];
  let offset = 0;
  list.forEach((node, i) => {
    const weight = node.isBend ? 3 : 1;
    let block = { sum: (wishes[i] - offset) * weight, weight, members: [[node, offset]] };
    offset += node.height + GAP.node;
    while (blocks.length && blocks[blocks.length - 1].sum / blocks[blocks.length - 1].weight > block.sum / block.weight) {
      const before = blocks.pop();
      before.members.push(...block.members);
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, members: before.members };
    }
    blocks.push(block);
  });
  for (const { sum, weight, members } of blocks) {
    for (const [node, shift] of members) node.y = sum / weight + shift;
  }
}

/** What reads nothing and is read by nobody stands below, in rows. */
function scatter(nodes, top, ranks) {
  const room = Math.max(900, ranks.reduce((sum, list) => sum + list.reduce((m, n) => Math.max(m, n.width), 0) + GAP.rank, 0));
  let x = 0;
  let y = top;
  for (const node of nodes) {
    if (x && x + node.width > room) {
      x = 0;
      y += node.height + GAP.node;
    }
    Object.assign(node, { x, y, column: node.width });
    x += node.width + GAP.node;
  }
}
