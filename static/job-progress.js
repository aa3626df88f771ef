// The progress of a job on its page: the bar, its number, where a job stopped, and how long a running one still takes.

import { byId, now, setText, within } from "chef/dom.js";
import { barWords, stoppedWords } from "chef/progress-words.js";
import { drawBar, shownBar } from "chef/shown-bar.js";
import { shownStatus } from "chef/silence.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";
import { timeSpoken, timeWords } from "chef/time-left.js";

/** @import { Job } from "chef/state.js" */

// So often the time that is left is said aloud, if it is said in other words then.
const SAY_MS = 60_000;
/** The words that were said aloud last, and when. @type {{ words: string, at: number }} */
let said = { words: "", at: 0 };

const frame = within(document, ".progress .bar");
// Its number changes with time: what a screen reader says of time stands in an element of its own.
byId("percent").setAttribute("aria-live", "off");

/**
 * Show how far a job is; to be called each second, since time moves it.
 *
 * @param {Job | null} job
 */
export function showProgress(job) {
  const bar = shownBar(job, now());
  const progress = byId("bar");
  drawBar(frame, bar);
  if (bar === null) progress.removeAttribute("aria-valuenow");
  else progress.setAttribute("aria-valuenow", String(Math.round(bar.percent * 10) / 10));
  const words = barWords(job, bar);
  if (progress.getAttribute("aria-valuetext") !== words) progress.setAttribute("aria-valuetext", words);
  setText(byId("stopped"), stoppedWords(job));
  setText(byId("percent"), bar === null ? texts.noPercent : bar.number);
  byId("percent").hidden = hasEnded(job) && job?.status !== "completed";
  byId("expected-note").hidden = !bar?.isExpected;
  showTimeLeft(job);
}

/** @param {Job | null} job */
function showTimeLeft(job) {
  const eta = hasEnded(job) || shownStatus(job, now()) === "lost" ? null : job?.eta;
  const words = timeWords(eta, now());
  setText(byId("time-words"), words);
  byId("time-left").hidden = words === "" && byId("expected-note").hidden;
  sayTimeLeft(timeSpoken(eta, now()));
}

/** @param {string} words */
function sayTimeLeft(words) {
  if (words === said.words || now() - said.at < SAY_MS) return;
  said = { words, at: now() };
  setText(byId("time-said"), words);
}
