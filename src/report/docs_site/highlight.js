// SQL with Jinja in it, in colours.

const KEYWORDS = new Set(("all alter and any array as asc at begin between by case cast check collate column commit conflict constraint create cross "
  + "cube current date default delete desc distinct do drop else end escape except exists extract false fetch filter first following for foreign "
  + "from full function grant group grouping having ilike in index inner insert interval intersect into is isnull join key lateral left "
  + "like limit materialized merge natural not nothing notnull null nulls of offset on only or order ordinality outer over partition preceding "
  + "primary range recursive references returning right rollup row rows schema select set sets similar some table tablesample temporary then "
  + "time timestamp to true truncate union unbounded unique unlogged update using values view when where window with within").split(" "));
const TYPES = new Set(("bigint boolean bool bytea char character date decimal double float int integer json jsonb numeric precision real serial "
  + "smallint text time timestamp timestamptz uuid varchar varying zone").split(" "));
const TOKEN = /(\{#[\s\S]*?#\}|--[^\n]*|\/\*[\s\S]*?\*\/)|(\{\{|\}\}|\{%-?|-?%\})|('(?:[^']|'')*'|\$(\w*)\$[\s\S]*?\$\4\$)|("(?:[^"]|"")*")|(\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)|([a-z_][\w$]*)(?=(\s*\()?)/gi;

/** A fragment of spans. */
function highlighted(text) {
  const made = document.createDocumentFragment();
  let at = 0;
  let jinja = 0;
  const put = (end, kind) => {
    const part = text.slice(at, end);
    if (part) made.append(kind ? h("span", { class: "t-" + kind }, part) : part);
    at = end;
  };
  for (const match of text.matchAll(TOKEN)) {
    const end = match.index + match[0].length;
    const [, comment, brace, string, , quoted, number, word, called] = match;
    let kind = null;
    if (comment) kind = "comment";
    else if (brace) {
      jinja += brace.startsWith("{") ? 1 : -1;
      kind = "jinja";
    } else if (string) kind = "string";
    else if (quoted) kind = jinja > 0 ? "string" : "name";
    else if (number) kind = "number";
    else if (jinja > 0) kind = called !== undefined ? "call" : "jinja";
    else if (TYPES.has(word.toLowerCase()) && called === undefined) kind = "type";
    else if (KEYWORDS.has(word.toLowerCase())) kind = "keyword";
    else if (called !== undefined) kind = "call";
    put(match.index, null);
    put(end, kind);
  }
  put(text.length, null);
  return made;
}
