// What a browser remembers for a page: some browsers keep nothing, and say so by throwing.

function attempt(action, otherwise) {
  try {
    return action();
  } catch {
    return otherwise;
  }
}

/** A yes or no under a name, for this browser or, with `forTab`, for this tab alone. */
export function remembered(name, { forTab = false } = {}) {
  return attempt(() => (forTab ? sessionStorage : localStorage).getItem(name) !== null, false);
}

export function remember(name, is, { forTab = false } = {}) {
  attempt(() => {
    const storage = forTab ? sessionStorage : localStorage;
    if (is) storage.setItem(name, "1");
    else storage.removeItem(name);
  });
}
