"""A page with fewer of what is alike: a rule that two rows of one kind keep, thirty keep."""

from playwright.sync_api import Page

KEPT = 2
"""Of each kind of element."""

NAME = """() => {
  const looks = ["class", "style", "role", "type", "scope", "fill", "stroke", "opacity", "hidden"];
  const look = (element, name) => element.getAttribute(name)
    .replace(name === "style" ? /(width|left|--rows):[\\d.]+/g : "", "$1");  // as long as a figure
  const numbers = window.numbersOfKinds ||= new Map(), kinds = new Map();
  const name = (element, above) => {
    const attributes = element.getAttributeNames().sort()
      .map(name => looks.includes(name) ? `${name}=${look(element, name)}` : name);
    const speaks = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const kind = JSON.stringify([above, element.localName, speaks, attributes]);
    if (!numbers.has(kind)) numbers.set(kind, numbers.size);
    kinds.set(element, numbers.get(kind));
    for (const child of element.children) name(child, kinds.get(element));
  };
  name(document.body, null);
  return kinds;
}"""
"""The kind of each element: the same tag, attributes and looks, words or none, in an element of the
same kind."""

THIN = """kept => {
  const references = ["for", "headers", "list", "aria-labelledby", "aria-describedby",
    "aria-controls"];
  const referring = new Map();  // elements, by the id that they refer to
  for (const name of references)
    for (const element of document.querySelectorAll(`[${name}]`))
      for (const id of element.getAttribute(name).split(" "))
        referring.set(id, [...(referring.get(id) || []), element]);
  const holdsMany = ["main", "article", "section", "div", "nav", "figure", "form", "fieldset",
    "ul", "ol", "dl", "tbody", "svg", "g"];  // others would say nothing without their only element
  const tied = (element, whole) =>
    (element.hasAttribute("for") && !whole.contains(element.control))
    || (referring.get(element.id) || []).some(other => !whole.contains(other));

  const kinds = (NAME)(), seen = new Map();
  const thin = element => {
    seen.set(kinds.get(element), (seen.get(kinds.get(element)) || 0) + 1);
    const beside = new Set();
    for (const child of [...element.children]) {
      const all = [child, ...child.querySelectorAll("*")];
      if ((holdsMany.includes(element.localName) || beside.has(kinds.get(child)))
          && element.localName !== "tr"  // its cells are of columns
          && all.every(one => seen.get(kinds.get(one)) >= kept && !tied(one, child)))
        child.remove();
      else thin(child);
      beside.add(kinds.get(child));
    }
  };
  thin(document.body);
}""".replace("NAME", NAME)
"""An element goes if it and all in it are of kinds that stand before it often enough, and nothing
in it belongs to an element elsewhere: as its label, its head or its description."""

BY_COLOURS = """() => {
  const clear = "rgba(0, 0, 0, 0),none,1,none", found = new Map();
  const sort = element => element.localName
    + (element.getAttribute("class") || "").split(" ").sort()
    .map(name => `.${name}`).join("");
  const look = (element, above, sorts, around) => {
    const style = getComputedStyle(element);
    const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
    const under = own === clear ? above : `${above}|${own}`;
    const speaks = element.matches("input:not([type=checkbox]), select, textarea")
      || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const here = [...sorts.slice(-1), sort(element)];
    if (speaks && element.checkVisibility({ visibilityProperty: true })) {
      const looks = [here.join(">"), under, style.color, style.fill, style.fontSize,
        style.fontWeight, style.textShadow, around].join("#");
      if (!found.has(looks)) found.set(looks, []);
      found.get(looks).push(element);
    }
    for (const child of element.children) look(child, under, here, style.color);
  };
  look(document.body, getComputedStyle(document.documentElement).backgroundColor, [], "");
  return found;
}"""
"""The elements with words that can be seen, by colours, letters and the grounds below them, and by
name and classes of the element and of the one around it, whose colour counts too: a link in a
text differs from it."""


def thin_out(page: Page) -> None:
    page.evaluate(THIN, KEPT)
