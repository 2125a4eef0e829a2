// Elements. Text only ever becomes text, so nothing that a project says can become markup.

/** An element with attributes (`onX` are listeners, `null` and `false` are left out) and children. */
function h(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false && child !== "") element.append(child);
  }
}

/** Whether a link leads to a page or a place, and runs nothing. */
function isHarmless(address) {
  const scheme = /^[\s\u0000-\u0020]*([a-z][a-z0-9+.-]*):/i.exec(address);
  return !scheme || ["http", "https", "mailto"].includes(scheme[1].toLowerCase());
}

function outward(address, ...text) {
  return h("a", { href: address, rel: "noopener noreferrer", target: address.startsWith("#") ? null : "_blank" }, text);
}
