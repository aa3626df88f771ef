// Writing from a page: with a token that its user gave for this tab, since the cookie of the login never writes.

import { Refused } from "chef/api.js";
import { live } from "chef/dom.js";
import { rememberedValues, rememberValues } from "chef/memory.js";

// The token for this tab alone, the name for this browser. No other page can have a browser send the header.
const TOKEN = "chef-write";
const NAME = "chef-name";
const TIMEOUT_MS = 20_000;

/**
 * Whether this user may press buttons that write: without a token, with one, once one was given, or not at all.
 *
 * @typedef {"open" | "token" | "sign-in" | null} Control
 */

/** @type {Control} */
export const control = live.control ?? null;

/** @returns {string} the token of this tab, empty for none */
export function givenToken() {
  return String(rememberedValues(TOKEN, { forTab: true }).token ?? "");
}

/** @param {string} token */
export function keepToken(token) {
  rememberValues(TOKEN, token ? { token } : {}, { forTab: true });
}

/** @returns {string} what the user calls themselves, empty for nothing */
export function givenName() {
  return String(rememberedValues(NAME).name ?? "");
}

/** @param {string} name */
export function keepName(name) {
  rememberValues(NAME, name ? { name } : {});
}

/** Whether buttons that write are shown: where anybody may read, to whoever gave a token. */
export function mayWrite() {
  return control === "sign-in" ? givenToken() !== "" : control !== null;
}

/** Whether something can be sent without asking for a token first. */
export function isReady() {
  return control === "open" || (control !== null && givenToken() !== "");
}

/**
 * Ask the server whether the token may write.
 *
 * @throws {Refused} and TypeError where nobody answers
 */
export async function checkToken() {
  const headers = { Accept: "application/json", Authorization: `Bearer ${givenToken()}` };
  const answer = await fetch("/health/seen", { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Refused(answer.status);
}

/**
 * Post fields as whoever has the token; the user's name goes along.
 *
 * @param {string} path
 * @param {Record<string, unknown>} fields
 * @returns {Promise<any>} the answer
 * @throws {Refused} and TypeError where nobody answers
 */
export async function postAsWriter(path, fields) {
  const [token, name] = [givenToken(), givenName()];
  const answer = await fetch(path, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(name ? { ...fields, by: name } : fields),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!answer.ok) throw new Refused(answer.status);
  return answer.json();
}
