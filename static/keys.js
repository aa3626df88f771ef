// The page's keyboard shortcuts: one table, which `?` shows and which each module puts its keys into.

import { byId } from "chef/dom.js";
import { remember, remembered } from "chef/memory.js";
import { texts } from "chef/texts.js";

/**
 * A shortcut. `key` is as KeyboardEvent.key says it ("j", "G", "/", "Escape"), or with "Mod+" before it for Ctrl,
 * or Cmd on a Mac. A handler that returns false has done nothing: the browser does its own.
 *
 * @typedef {object} Shortcut
 * @property {string} name
 * @property {string} key
 * @property {string} description
 * @property {(event: KeyboardEvent) => unknown} handler
 */

const OFF = "chef.keys.off";
/** @type {Map<string, Shortcut>} */
const table = new Map();

/**
 * Add shortcuts; the same name again replaces. Keys without Mod are left alone in fields, and where somebody
 * switched them off.
 *
 * @param {Shortcut[]} shortcuts
 */
export function addKeys(...shortcuts) {
  for (const shortcut of shortcuts) table.set(shortcut.name, shortcut);
}

/** Whether single keys work; those who dictate, or hit keys by accident, can switch them off. */
function keysAreOn() {
  return !remembered(OFF);
}

/** @type {{ platform: string } | undefined} */
const userAgentData = "userAgentData" in navigator ? Object(navigator.userAgentData) : undefined;
const isMac = /mac|iphone|ipad/i.test(userAgentData?.platform ?? navigator.platform);

const dialog = /** @type {HTMLDialogElement | null} */ (document.getElementById("keys"));

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const shortcut = shortcutOf(event);
  if (shortcut && shortcut.handler(event) !== false) event.preventDefault();
});

/** @param {KeyboardEvent} event */
function shortcutOf(event) {
  const mod = isMac ? event.metaKey : event.ctrlKey;
  const other = isMac ? event.ctrlKey : event.metaKey;
  if (other || event.altKey || dialog?.open) return undefined;
  if (!mod && (!keysAreOn() || isWriting(event.target))) return undefined;
  const pressed = mod ? `Mod+${event.key}` : event.key;
  return [...table.values()].find((one) => one.key === pressed);
}

/** @param {EventTarget | null} target */
function isWriting(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/**
 * How a key is written on keyboards here.
 *
 * @param {string} key
 */
function keyName(key) {
  if (key.startsWith("Mod+")) return `${isMac ? "⌘" : "Ctrl+"}${key.slice(4).toUpperCase()}`;
  return texts.keyNames[key] ?? key;
}

/** @param {Shortcut} shortcut */
function keyRow({ key, description }) {
  const [row, term, words, cap] = ["div", "dt", "dd", "kbd"].map((tag) => document.createElement(tag));
  cap.textContent = keyName(key);
  words.textContent = description;
  term.append(cap);
  row.append(term, words);
  return row;
}

/** @param {HTMLDialogElement} shown */
function offerHelp(shown) {
  const isOn = byId("keys-on", HTMLInputElement);
  const show = () => {
    byId("keys-list").replaceChildren(...[...table.values()].map(keyRow));
    isOn.checked = keysAreOn();
    shown.showModal();
  };
  addKeys({ name: "help", key: "?", description: texts.keys.help, handler: show });
  isOn.addEventListener("change", () => remember(OFF, !isOn.checked));
  const button = byId("keys-button");
  button.hidden = false;
  button.addEventListener("click", show);
  // A click beside the dialog closes it, as people expect; Escape does by itself.
  shown.addEventListener("click", (event) => event.target === shown && shown.close());
}

if (dialog) offerHelp(dialog);
