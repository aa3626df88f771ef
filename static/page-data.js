// The data that the server puts into a page: blocks of JSON, which the page's policy takes for data and not for code.

/**
 * The content of a block, of which the caller knows the type.
 *
 * @param {string} id
 * @returns {any} null where the page has no such block
 */
export function pageData(id) {
  const text = document.getElementById(id)?.textContent;
  return text ? JSON.parse(text) : null;
}
