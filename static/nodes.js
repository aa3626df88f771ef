// Elements of any document or shadow tree. Text is only ever set as text.

/**
 * An element of a kind, which must be there.
 *
 * @template {Element} [T=HTMLElement]
 * @param {Element | null} element
 * @param {new () => T} [kind]
 * @returns {T}
 */
export function expected(element, kind) {
  if (element instanceof (kind ?? HTMLElement)) return /** @type {T} */ (element);
  throw new TypeError(`the page has no such element: ${kind?.name ?? "HTMLElement"}`);
}

/**
 * The first element within `root` that matches a selector, which the page's template has.
 *
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} [kind]
 */
export function within(root, selector, kind) {
  return expected(root.querySelector(selector), kind);
}

/**
 * The first element within `root` that shows a field.
 *
 * @template {Element} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} name
 * @param {new () => T} [kind]
 */
export function field(root, name, kind) {
  return within(root, `[data-field="${name}"]`, kind);
}

/**
 * Set a text where it differs, so that selections and screen readers are left alone.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make `parent` have exactly these children in this order, moving as few as possible.
 *
 * @param {Element} parent
 * @param {Element[]} children
 */
export function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  for (const [index, child] of children.entries()) {
    if (parent.children[index] !== child) put(parent, child, parent.children[index] ?? null);
  }
}

/**
 * Put a child in its place; one that is there already keeps the focus where the browser can.
 *
 * @param {Element} parent
 * @param {Element} child
 * @param {Element | null} before
 */
function put(parent, child, before) {
  if (child.parentNode === parent && "moveBefore" in parent) parent.moveBefore(child, before);
  else parent.insertBefore(child, before);
}
