// The log of a job's page: the lines that the server rendered and all others, the marks in the page's address.

import { LogBody } from "chef/log-body.js";
import { MarkedLines } from "chef/log-marks.js";
import { LogRows } from "chef/log-rows.js";

/** @import { Parameters } from "chef/api.js" */
/** @import { LogElements } from "chef/log-body.js" */
/** @import { Line, LogPart } from "chef/log-lines.js" */

/** @extends {LogBody<LogRows>} */
export class LogView extends LogBody {
  /** Each shows a line that it hides: modules that hide lines put theirs in. @type {((number: number) => void)[]} */
  revealers = [];
  marks = new MarkedLines();
  /** The line that the page's address leads to without naming its number. @type {number | null} */
  linked = null;

  /**
   * Take over the log that the server rendered.
   *
   * @param {LogElements} elements
   * @param {(parameters: Parameters) => Promise<LogPart>} read promises the answer of `GET /api/jobs/JOB/logs`
   */
  constructor(elements, read) {
    const { container, scroller } = elements;
    const rendered = [...container.querySelectorAll(".line")].map(lineOf);
    scroller.classList.add("live");
    super(elements, read, (body) => new LogRows(/** @type {LogView} */ (body), () => body.window));
    /** The lines that the server rendered. */
    this.rendered = rendered;
    this.lines.total = Number(container.dataset.last);
    for (const line of rendered) this.lines.put(line);
    scroller.addEventListener("click", (event) => this.marks.takeClick(event) && this.letGo());
    addEventListener("hashchange", () => this.#goToAddress());
    this.marks.listen(() => this.rows.showMarks());
  }

  /** Show the log for the first time: its end, or the lines that the page's address names. */
  begin() {
    super.begin();
    this.#goToAddress();
  }

  /** @param {number} number */
  reveal(number) {
    if (this.hidden.isHidden(number)) for (const reveal of this.revealers) reveal(number);
  }

  /**
   * Go to a line, moving nothing where it is in view already.
   *
   * @param {number} number
   */
  bringIntoView(number) {
    this.reveal(number);
    if (this.window.shows(this.hidden.map.rowOf(number))) this.letGo();
    else this.goTo(number);
  }

  #goToAddress() {
    const line = this.marks.readAddress();
    if (line !== null && line <= this.lines.total) this.goTo(line);
  }
}

/**
 * A line as the server rendered it.
 *
 * @param {Element} element
 * @returns {Line}
 */
function lineOf(element) {
  const row = /** @type {HTMLElement} */ (element);
  const text = /** @type {HTMLElement} */ (row.querySelector(".text"));
  return {
    line: Number(row.id.slice(1)),
    at: row.dataset.at ?? "",
    stream: row.dataset.stream ?? "stdout",
    level: row.dataset.level ?? null,
    message: text.dataset.drawn ?? text.textContent ?? "",
  };
}
