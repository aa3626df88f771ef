// The dialog before a request that controls a build: what happens then, who asks, and a token where one is needed.

import { Refused } from "chef/api.js";
import { byId, setText } from "chef/dom.js";
import { texts } from "chef/texts.js";
import { control, givenName, givenToken, isReady, keepName, keepToken } from "chef/write-access.js";

/**
 * @typedef {object} Request
 * @property {string} title
 * @property {string} text
 * @property {string} confirm the word on the button that sends it
 * @property {boolean} isGrave whether it ends something
 * @property {() => Promise<void>} send
 */

const dialog = byId("control-dialog", HTMLDialogElement);
const form = byId("control-form", HTMLFormElement);
const name = byId("control-name", HTMLInputElement);
const token = byId("control-token", HTMLInputElement);
const confirm = byId("control-confirm", HTMLButtonElement);
const fault = byId("control-fault");
/** @type {Request | null} */
let request = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendFromDialog();
});
byId("control-cancel").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  request = null;
  token.value = "";
});

/** @param {Request} wanted */
export function askBefore(wanted) {
  request = wanted;
  setText(byId("control-title"), wanted.title);
  setText(byId("control-text"), wanted.text);
  setText(confirm, wanted.confirm);
  confirm.classList.toggle("danger", wanted.isGrave);
  name.value = givenName();
  showFault("");
  dialog.showModal();
  (token.disabled ? byId("control-cancel") : token).focus();
}

/**
 * Send at once where that needs nothing from the user, else ask.
 *
 * @param {Request} wanted
 */
export async function sendOrAsk(wanted) {
  if (!isReady()) {
    askBefore(wanted);
    return;
  }
  try {
    await wanted.send();
  } catch (error) {
    askBefore(wanted);
    showFault(faultText(error));
  }
}

async function sendFromDialog() {
  const wanted = request;
  if (!wanted || confirm.disabled) return;
  if (!token.disabled) keepToken(token.value.trim());
  keepName(name.value.trim());
  confirm.disabled = true;
  try {
    await wanted.send();
    dialog.close();
  } catch (error) {
    showFault(faultText(error));
  } finally {
    confirm.disabled = false;
  }
}

/** @param {unknown} error */
function faultText(error) {
  if (!(error instanceof Refused)) return texts.control.away;
  if (error.status === 401 || error.status === 403) {
    keepToken("");
    return texts.control.mayNot;
  }
  return error.status === 409 ? texts.control.tooLate : texts.control.refused(error.status);
}

/** @param {string} words none where they are empty */
function showFault(words) {
  fault.hidden = words === "";
  setText(fault, words);
  const needsToken = control !== "open" && givenToken() === "";
  token.disabled = !needsToken;
  byId("control-token-line").hidden = !needsToken;
}
