// The memory of a browser for a page: some browsers keep nothing, and say so by throwing.

/**
 * @template T
 * @param {() => T} action
 * @param {T} otherwise
 */
function attempt(action, otherwise) {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/**
 * A yes or no under a name, for this browser or, with `forTab`, for this tab alone.
 *
 * @param {string} name
 * @param {{ forTab?: boolean }} [options]
 */
export function remembered(name, { forTab = false } = {}) {
  return attempt(() => (forTab ? sessionStorage : localStorage).getItem(name) !== null, false);
}

/**
 * @param {string} name
 * @param {boolean} is
 * @param {{ forTab?: boolean }} [options]
 */
export function remember(name, is, { forTab = false } = {}) {
  attempt(() => {
    const storage = forTab ? sessionStorage : localStorage;
    if (is) storage.setItem(name, "1");
    else storage.removeItem(name);
  }, undefined);
}

/**
 * The value under a name, which a page wrote as JSON; an empty object for none.
 *
 * @param {string} name
 * @param {{ forTab?: boolean }} [options]
 * @returns {Record<string, unknown>}
 */
export function rememberedValues(name, { forTab = false } = {}) {
  return attempt(
    () => Object(JSON.parse((forTab ? sessionStorage : localStorage).getItem(name) ?? "{}")),
    {},
  );
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} values
 * @param {{ forTab?: boolean }} [options]
 */
export function rememberValues(name, values, { forTab = false } = {}) {
  attempt(() => (forTab ? sessionStorage : localStorage).setItem(name, JSON.stringify(values)), undefined);
}
