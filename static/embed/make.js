// Elements of a shadow tree. Each has its name as `part`, so that a page can style it, and as its class.

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} part
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, part, ...children) {
  const element = document.createElement(name);
  element.className = part;
  element.setAttribute("part", part);
  element.append(...children);
  return element;
}

/**
 * A place in which screen readers notice a new text, without interrupting.
 *
 * @param {string} part
 */
export function makeStatus(part) {
  const element = make("p", part);
  element.setAttribute("role", "status");
  return element;
}

/**
 * A link that opens beside the page that the element stands in.
 *
 * @param {string} part
 */
export function makeLink(part) {
  const link = make("a", part);
  link.target = "_blank";
  link.rel = "noopener";
  return link;
}

/**
 * Set an attribute where it differs; null removes it.
 *
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value
 */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
