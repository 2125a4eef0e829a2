// Markdown as descriptions use it, made into elements. HTML in it is shown as it is written.

function markdown(text) {
  const lines = String(text).replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n");
  return h("div", { class: "text" }, blocks(lines));
}

const LIST = /^( *)([-*+]|\d{1,9}[.)]) +(.*)$/;

function blocks(lines) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const fence = /^ {0,3}(```+|~~~+) *([\w-]*)/.exec(line);
    const heading = /^ {0,3}(#{1,6}) +(.*?) *#*$/.exec(line);
    if (!line.trim()) {
      at += 1;
    } else if (fence) {
      let end = at + 1;
      while (end < lines.length && !lines[end].trim().startsWith(fence[1])) end += 1;
      made.push(code(lines.slice(at + 1, end).join("\n"), fence[2]));
      at = end + 1;
    } else if (heading) {
      made.push(h("h" + Math.min(6, heading[1].length + 2), null, inline(heading[2])));
      at += 1;
    } else if (/^ {0,3}([-*_])( *\1){2,} *$/.test(line)) {
      made.push(h("hr"));
      at += 1;
    } else if (/^ {0,3}>/.test(line)) {
      const end = lines.findIndex((l, i) => i >= at && !/^ {0,3}>/.test(l));
      const stop = end < 0 ? lines.length : end;
      made.push(h("blockquote", null, blocks(lines.slice(at, stop).map((l) => l.replace(/^ {0,3}> ?/, "")))));
      at = stop;
    } else if (LIST.test(line)) {
      at = list(lines, at, made);
    } else if (line.includes("|") && /^ *\|?( *:?-+:? *\|)+( *:?-+:? *)?$/.test(lines[at + 1] || "")) {
      at = table(lines, at, made);
    } else {
      let end = at + 1;
      const starts = (l) => /^ {0,3}(#{1,6} |>|```|~~~)/.test(l) || LIST.test(l) || !l.trim();
      while (end < lines.length && !starts(lines[end])) end += 1;
      made.push(h("p", null, inline(lines.slice(at, end).map((l) => l.replace(/^ +/, "")).join("\n"))));
      at = end;
    }
  }
  return made;
}

function code(text, language) {
  const known = ["sql", "jinja", "postgres", "postgresql"].includes(language);
  return h("pre", null, h("code", null, known ? highlighted(text) : text));
}

function list(lines, from, made) {
  const [, indent, first] = LIST.exec(lines[from]);
  const items = [];
  let at = from;
  while (at < lines.length) {
    const item = LIST.exec(lines[at]);
    if (!item || item[1].length !== indent.length || /\d/.test(item[2]) !== /\d/.test(first)) break;
    const inner = [item[3]];
    at += 1;
    // What is indented belongs to the item, over blank lines too.
    while (at < lines.length) {
      const deeper = /^ */.exec(lines[at])[0].length > indent.length;
      const goesOn = lines[at].trim() && !LIST.test(lines[at]) && lines[at - 1].trim();
      const blank = !lines[at].trim() && /^ +\S/.test(lines[at + 1] || "") && /^ */.exec(lines[at + 1])[0].length > indent.length;
      if (!(lines[at].trim() && deeper) && !goesOn && !blank) break;
      inner.push(lines[at].replace(new RegExp("^ {0," + (indent.length + 2) + "}"), ""));
      at += 1;
    }
    const content = blocks(inner);
    const tight = content[0] && content[0].tagName === "P";
    items.push(h("li", null, tight ? [[...content[0].childNodes], content.slice(1)] : content));
    if (at < lines.length && !lines[at].trim() && LIST.test(lines[at + 1] || "")) at += 1;
  }
  made.push(h(/\d/.test(first) ? "ol" : "ul", null, items));
  return at;
}

function table(lines, from, made) {
  const cells = (line) => line.trim().replace(/^\|/, "").replace(/\|$/, "").split(/(?<!\\)\|/).map((c) => c.trim().replace(/\\\|/g, "|"));
  let at = from + 2;
  while (at < lines.length && lines[at].includes("|") && lines[at].trim()) at += 1;
  const head = cells(lines[from]);
  made.push(h("table", null,
    h("thead", null, h("tr", null, head.map((c) => h("th", null, inline(c))))),
    h("tbody", null, lines.slice(from + 2, at).map((l) => h("tr", null, cells(l).slice(0, head.length).map((c) => h("td", null, inline(c))))))));
  return at;
}

const INLINE = [
  [/^(`+)([\s\S]*?[^`])\1(?!`)/, (m) => h("code", null, m[2].trim())],
  [/^!\[([^\]]*)\]\(([^)\s]+)[^)]*\)/, (m) => isHarmless(m[2]) && !/^https?:|^\/\//i.test(m[2]) ? h("img", { src: m[2], alt: m[1] }) : m[1] || m[2]],
  [/^\[((?:[^[\]]|\[[^\]]*\])*)\]\(<?([^)\s>]*)>?(?: +"[^"]*")?\)/, (m) => isHarmless(m[2]) ? outward(m[2], inline(m[1])) : m[0]],
  [/^<((?:https?:\/\/|mailto:)[^>\s]+)>/, (m) => outward(m[1], m[1])],
  [/^https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"]/, (m) => outward(m[0], m[0])],
  [/^(\*\*|__)(?=\S)([\s\S]*?\S)\1/, (m) => h("strong", null, inline(m[2]))],
  [/^\*(?=[^\s*])([\s\S]*?[^\s*])\*(?!\*)/, (m) => h("em", null, inline(m[1]))],
  [/^_(?=[^\s_])([\s\S]*?[^\s_])_(?![\w_])/, (m) => h("em", null, inline(m[1])), true],
  [/^~~(?=\S)([\s\S]*?\S)~~/, (m) => h("del", null, inline(m[1]))],
  [/^\\([\\`*_{}[\]()#+\-.!|~<>])/, (m) => m[1]],
  [/^(?: {2,}|\\)\n/, () => h("br")],
];

function inline(text) {
  const made = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    let found = null;
    // Most characters start nothing.
    if (/^[`!\[<h*_~\\ ]/.test(rest)) {
      for (const [pattern, make, atWord] of INLINE) {
        const match = pattern.exec(rest);
        if (match && !(atWord && /\w$/.test(plain))) {
          found = [make(match), match[0].length];
          break;
        }
      }
    }
    if (found) {
      made.push(plain, found[0]);
      plain = "";
      at += found[1];
    } else {
      plain += text[at];
      at += 1;
    }
  }
  made.push(plain);
  return made;
}
