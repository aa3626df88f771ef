// Why a job failed: its message, of which a long one shows its end and opens whole.

import { byId, setText } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { texts } from "chef/texts.js";

/** @import { Job } from "chef/state.js" */

const box = byId("failure");
const button = byId("failure-whole");
/** The message that is shown. @type {string | null} */
let shown = null;

/** @param {Job | null} job */
export function showFailure(job) {
  const error = job?.error;
  box.hidden = !error;
  if (!error) return;
  setText(byId("failure-word"), texts.status[job.status]);
  const code = byId("failure-code");
  code.hidden = error.code === null || isSaid(error.code, error.message ?? "");
  if (error.code !== null) setText(code, texts.code(error.code));
  showMessage(error.message ?? "");
}

/**
 * Whether a message has the code in its words: "pytest ended with exit status 2".
 *
 * @param {number | string} code
 * @param {string} message
 */
function isSaid(code, message) {
  return message.split(/[^\w.-]+/).includes(String(code));
}

/** @param {string} message */
function showMessage(message) {
  if (message === shown) return;
  shown = message;
  setText(byId("failure-message"), cleanText(message));
  box.toggleAttribute("data-multiline", message.includes("\n"));
  showWhole(false);
}

/**
 * Show all of the message, or as much of its end as there is room for.
 *
 * @param {boolean} isWhole
 */
function showWhole(isWhole) {
  box.toggleAttribute("data-whole", isWhole);
  button.hidden = !isWhole && box.scrollHeight <= box.clientHeight + 1;
  button.setAttribute("aria-expanded", String(isWhole));
  setText(button, isWhole ? texts.showLess : texts.showAll);
  // A traceback tells at its end why it came.
  if (!isWhole && box.hasAttribute("data-multiline")) box.scrollTop = box.scrollHeight;
}

button.addEventListener("click", () => showWhole(!box.hasAttribute("data-whole")));
