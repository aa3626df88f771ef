// Going through the rows of a list by keyboard.

import { addKeys } from "chef/keys.js";
import { texts } from "chef/texts.js";

// A second click within this time selects a word.
const DOUBLE_CLICK_MS = 300;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let following;

/** Keys that go from row to row; Enter then opens the row's job or project, as on any link. */
export function addListKeys() {
  addKeys(
    { name: "next", key: "j", description: texts.keys.next, handler: () => go(1) },
    { name: "previous", key: "k", description: texts.keys.previous, handler: () => go(-1) },
  );
  for (const list of document.querySelectorAll(".rows-of-jobs")) list.addEventListener("click", followRow);
}

/**
 * A click on a row's text, which can be selected, is one on the row's link, which lies below it. A mouse may click twice
 * to select.
 *
 * @param {Event} event
 */
function followRow(event) {
  const target = /** @type {Element} */ (event.target);
  if (target.closest("a, button")) return;
  clearTimeout(following);
  const { detail, pointerType, ctrlKey, metaKey, shiftKey } = /** @type {PointerEvent} */ (event);
  if (detail > 1 || !getSelection()?.isCollapsed) return;
  const link = target.closest("li")?.querySelector("[data-field=link]");
  const follow = () =>
    getSelection()?.isCollapsed &&
    link?.dispatchEvent(
      new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey, shiftKey }),
    );
  if (pointerType === "mouse") following = setTimeout(follow, DOUBLE_CLICK_MS);
  else follow();
}

/** @param {1 | -1} step */
function go(step) {
  /** @type {HTMLElement[]} */
  const rows = [...document.querySelectorAll(/** @type {"li"} */ (".list > li"))].filter(
    (row) => row.offsetParent,
  );
  const present = rows.findIndex((row) => row.contains(document.activeElement));
  const next = present < 0 ? 0 : Math.min(Math.max(present + step, 0), rows.length - 1);
  /** @type {HTMLElement | null | undefined} */
  const link = rows[next]?.querySelector("[data-field=link]");
  link?.focus();
}
