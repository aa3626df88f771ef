// The page's keyboard shortcuts: one table, which `?` shows and which each module puts its keys into.

import { byId } from "chef/dom.js";
import { remember, remembered } from "chef/memory.js";
import { texts } from "chef/texts.js";

const OFF = "chef.keys.off";
const table = new Map();

/**
 * Add shortcuts, each `{name, key, description, handler}`.
 *
 * `key` is as KeyboardEvent.key says it ("j", "G", "/", "Escape"), or with "Mod+" before it for Ctrl, or Cmd on a
 * Mac. The same name again replaces. A handler that returns false has done nothing: the browser does what it does.
 * Keys without Mod are left alone in fields, and where somebody switched them off.
 */
export function addKeys(...shortcuts) {
  for (const shortcut of shortcuts) table.set(shortcut.name, shortcut);
}

/** The shortcuts of this page, in the order in which they were added. */
export function allKeys() {
  return [...table.values()];
}

/** Whether single keys work; who dictates, or hits keys by accident, can switch them off. */
export function keysAreOn() {
  return !remembered(OFF);
}

const isMac = /mac|iphone|ipad/i.test(navigator.userAgentData?.platform ?? navigator.platform);

document.addEventListener("keydown", (event) => {
  const shortcut = !event.defaultPrevented && !event.isComposing && shortcutOf(event);
  if (shortcut && shortcut.handler(event) !== false) event.preventDefault();
});

function shortcutOf(event) {
  const mod = isMac ? event.metaKey : event.ctrlKey;
  const other = isMac ? event.ctrlKey : event.metaKey;
  if (other || event.altKey || byId("keys")?.open) return undefined;
  if (!mod && (!keysAreOn() || isWriting(event.target))) return undefined;
  const pressed = mod ? `Mod+${event.key}` : event.key;
  return allKeys().find((one) => one.key === pressed);
}

function isWriting(element) {
  return element.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}

/** How a key is written on keyboards here. */
function keyName(key) {
  if (key.startsWith("Mod+")) return `${isMac ? "⌘" : "Ctrl+"}${key.slice(4).toUpperCase()}`;
  return texts.keyNames[key] ?? key;
}

function showKeys() {
  const dialog = byId("keys");
  byId("keys-list").replaceChildren(...allKeys().map(keyRow));
  byId("keys-on").checked = keysAreOn();
  dialog.showModal();
}

function keyRow({ key, description }) {
  const [row, term, words, cap] = ["div", "dt", "dd", "kbd"].map((tag) => document.createElement(tag));
  cap.textContent = keyName(key);
  words.textContent = description;
  term.append(cap);
  row.append(term, words);
  return row;
}

if (byId("keys")) {
  addKeys({ name: "help", key: "?", description: texts.keys.help, handler: showKeys });
  byId("keys-on").addEventListener("change", (event) => remember(OFF, !event.target.checked));
  const button = byId("keys-button");
  button.hidden = false;
  button.addEventListener("click", showKeys);
  // A click beside the dialog closes it, as people expect; Escape does by itself.
  byId("keys").addEventListener("click", (event) => event.target === byId("keys") && byId("keys").close());
}
