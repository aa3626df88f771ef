// How few things are shared out among many. Pure.

/**
 * The most that each may have, where none gets more than it needs and all together no more than there is; `Infinity`
 * where there is enough for all. Never less than one.
 *
 * @param {number[]} needs
 * @param {number} most there are in all
 */
export function fairShare(needs, most) {
  const ascending = [...needs].sort((one, other) => one - other);
  let left = most;
  for (const [index, need] of ascending.entries()) {
    const others = ascending.length - index;
    if (need * others > left) return Math.max(1, Math.floor(left / others));
    left -= need;
  }
  return Number.POSITIVE_INFINITY;
}
