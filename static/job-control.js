// What people ask of a build that runs, and what it asks them: a stop request, questions with their options.

import { jobPath } from "chef/api.js";
import { askBefore, sendOrAsk } from "chef/control-dialog.js";
import { byId, clone, field, now, setText } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { duration } from "chef/format.js";
import { localTime } from "chef/i18n.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";
import { checkToken, control, givenToken, mayWrite, postAsWriter } from "chef/write-access.js";

/** @import { Job, Question } from "chef/state.js" */

const button = byId("stop");
const signIn = byId("sign-in");
const notice = byId("stop-asked");
const list = byId("questions");
/** The questions as they are shown, as text. */
let shown = "";

/**
 * @param {string} jobId
 * @param {() => void} changed is called when something was sent: the job is another one now
 */
export function offerControl(jobId, changed) {
  button.addEventListener("click", () =>
    askBefore({
      title: texts.control.stopTitle,
      text: texts.control.stopText,
      confirm: texts.control.stopWord,
      isGrave: true,
      send: async () => {
        await postAsWriter(`${jobPath(jobId)}/stop`, {});
        changed();
      },
    }),
  );
  signIn.addEventListener("click", () =>
    askBefore({
      title: texts.control.signInTitle,
      text: texts.control.signInText,
      confirm: texts.control.signInWord,
      isGrave: false,
      send: async () => {
        await checkToken();
        changed();
      },
    }),
  );
  list.addEventListener("click", (event) => {
    const option = event.target instanceof Element ? event.target.closest("button") : null;
    const item = option?.closest("li");
    if (!option || !item?.dataset.question) return;
    const answer = option.value;
    const path = `${jobPath(jobId)}/questions/${encodeURIComponent(item.dataset.question)}/answer`;
    sendOrAsk({
      title: field(item, "question").textContent ?? "",
      text: texts.control.answerText(answer),
      confirm: answer,
      isGrave: false,
      send: async () => {
        await postAsWriter(path, { answer });
        changed();
      },
    });
  });
}

/** @param {Job | null} job */
export function showControl(job) {
  const isAsked = !job || hasEnded(job) || Boolean(job.stop);
  button.hidden = isAsked || !mayWrite();
  signIn.hidden = control !== "sign-in" || givenToken() !== "" || !job || hasEnded(job);
  const words = job ? stopWords(job) : "";
  notice.hidden = words === "";
  setText(notice, words);
  showQuestions(job);
}

/**
 * Who asked a build to stop, and that it has not confirmed that; empty where nobody did.
 *
 * @param {Job} job
 */
function stopWords(job) {
  if (!job.stop) return "";
  const by = personName(job.stop);
  const moment = localTime(job.stop.at);
  if (hasEnded(job)) return texts.control.hadAsked(by, moment);
  const more = job.reporter === "alive" ? texts.control.waits : texts.control.nobody;
  return `${texts.control.asked(by, moment)} ${more}`;
}

/** @param {{ by: string, signed: boolean }} person */
function personName({ by, signed }) {
  const nameless = texts.control.nameless[by];
  if (nameless && !signed) return nameless;
  return signed ? by : texts.control.asGiven(by);
}

/** @param {Job | null} job */
function showQuestions(job) {
  const questions = job?.questions ?? [];
  const states = questions.map((question) => stateOf(question, job));
  const text = JSON.stringify([questions, states, mayWrite()]);
  if (text !== shown) {
    shown = text;
    list.hidden = questions.length === 0;
    const focused = focusedOption();
    list.replaceChildren(...questions.map((question, place) => questionItem(question, states[place])));
    focused();
  }
  for (const [place, question] of questions.entries()) {
    if (states[place] !== "open") continue;
    const left = duration(Math.max(0, Date.parse(question.until) - now()));
    setText(field(/** @type {HTMLElement} */ (list.children[place]), "left"), texts.control.left(left));
  }
}

/** Keep the keyboard where it is over a list that is made anew. */
function focusedOption() {
  const option = document.activeElement;
  const item = option instanceof HTMLButtonElement ? option.closest("li") : null;
  if (!item || !list.contains(item)) return () => {};
  const [question, value] = [item.dataset.question, /** @type {HTMLButtonElement} */ (option).value];
  return () => {
    const same = [...list.querySelectorAll("button")].find(
      (one) => one.value === value && one.closest("li")?.dataset.question === question,
    );
    same?.focus();
  };
}

/**
 * @param {Question} question
 * @param {Job | null} job
 * @returns {"open" | "answered" | "over"}
 */
function stateOf(question, job) {
  if (question.answer) return "answered";
  return hasEnded(job) || Date.parse(question.until) <= now() ? "over" : "open";
}

/**
 * @param {Question} question
 * @param {"open" | "answered" | "over"} state
 */
function questionItem(question, state) {
  const item = clone("question-template");
  item.dataset.question = question.id;
  item.dataset.state = state;
  field(item, "question").textContent = cleanText(question.text);
  field(item, "outcome").textContent = outcomeOf(question, state);
  field(item, "options").replaceChildren(
    ...question.options.map((option) => optionOf(option, question, state)),
  );
  return item;
}

/**
 * @param {Question} question
 * @param {string} state
 */
function outcomeOf({ answer, default: otherwise }, state) {
  if (answer) return texts.control.answered(answer.option, personName(answer), localTime(answer.at));
  if (state === "over") return otherwise ? texts.control.byDefault(otherwise) : texts.control.unanswered;
  return mayWrite() ? "" : texts.control.open;
}

/**
 * @param {string} option
 * @param {Question} question
 * @param {string} state
 */
function optionOf(option, question, state) {
  if (state !== "open" || !mayWrite()) {
    const word = document.createElement("bdi");
    word.textContent = option;
    word.className = "option";
    if (question.answer?.option === option) word.dataset.chosen = "";
    return word;
  }
  const press = document.createElement("button");
  press.className = "tool option";
  press.value = option;
  const word = document.createElement("bdi");
  word.textContent = option;
  press.append(word);
  return press;
}
