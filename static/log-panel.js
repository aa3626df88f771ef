// The panel of the log: its head with search, errors and options, and its keys.

import { getJson, getText, jobPath } from "chef/api.js";
import { byId, setText, within } from "chef/dom.js";
import { addKeys } from "chef/keys.js";
import { LogSpeaker } from "chef/log-aloud.js";
import { LogCopy } from "chef/log-copy.js";
import { LogGroups } from "chef/log-groups.js";
import { NewLines } from "chef/log-new-lines.js";
import { OptionsMenu } from "chef/log-options.js";
import { placeIn } from "chef/log-outline.js";
import { LogPhases } from "chef/log-phases.js";
import { LogSearch } from "chef/log-search.js";
import { timeTexts } from "chef/log-times.js";
import { LogView } from "chef/log-view.js";
import { leaveWhole, toggleWhole } from "chef/log-whole.js";
import { texts } from "chef/texts.js";

/** @import { Novelty } from "chef/job-novelty.js" */
/** @import { Line } from "chef/log-lines.js" */
/** @import { PhaseSpan } from "chef/state.js" */

const COPIED_MS = 2_000;

export class LogPanel {
  #view;
  #groups;
  #phases;
  #search;
  #newLines;
  #copy;
  #menu = byId("log-menu");
  #options = new OptionsMenu(() => this.#apply());
  #speaker = new LogSpeaker(byId("log-said"));
  /** @type {string | null} */
  #startedAt = null;
  /** The error that one went to last. @type {number | null} */
  #error = null;
  // Whether lines are marked that the log does not have, or not yet.
  #isMarkedBeyond = false;

  /** @param {string} jobId */
  constructor(jobId) {
    const page = `/jobs/${encodeURIComponent(jobId)}`;
    const logs = `${jobPath(jobId)}/logs`;
    const elements = {
      scroller: byId("log"),
      container: byId("lines"),
      button: byId("jump"),
      note: byId("log-note"),
    };
    this.#view = new LogView(elements, (parameters) => getJson(logs, parameters));
    this.#view.wraps = this.#options.options.wraps;
    this.#view.begin();
    this.#groups = new LogGroups(this.#view, `${page}/outline`, () => this.#showErrors());
    this.#phases = new LogPhases(this.#view, () => this.#showMarked());
    this.#search = new LogSearch(this.#view, `${page}/matches`);
    this.#newLines = new NewLines(this.#view);
    this.#copy = new LogCopy(this.#view, (parameters) => getText(logs, parameters));
    this.#view.marks.listen(() => this.#showMarked());
    byId("log-tools").hidden = false;
    this.#listen();
    this.#addKeys();
    this.#apply();
    this.#showMarked();
    this.#groups.begin();
  }

  /**
   * The job's phases, whose first lines are marked and can be gone to.
   *
   * @param {PhaseSpan[]} spans
   */
  set phases(spans) {
    this.#phases.show(spans);
  }

  /** What is new in the job, which the log can be reduced to. @param {Novelty | null} found */
  set novelty(found) {
    this.#newLines.found = found;
  }

  /** Go to the phase that the page's address names, if it names one. */
  goToPhase() {
    this.#phases.readAddress();
  }

  /**
   * Bring a line into view.
   *
   * @param {number} number
   */
  goTo(number) {
    this.#view.goTo(number);
  }

  get total() {
    return this.#view.lines.total;
  }

  /**
   * Take live lines.
   *
   * @param {Line[]} lines
   */
  add(lines) {
    this.#view.add(lines);
    if (this.#isMarkedBeyond) this.#showMarked();
    if (this.#options.options.speaks) this.#speaker.add(lines);
  }

  /**
   * Show the end of another log instead.
   *
   * @param {Line[]} lines
   * @param {number} total
   */
  reset(lines, total) {
    this.#view.reset(lines, total);
    this.#groups.reset();
    this.#showMarked();
  }

  /**
   * When the job began: times are told from there.
   *
   * @param {string | null} at
   */
  set startedAt(at) {
    if (at === this.#startedAt) return;
    this.#startedAt = at;
    this.#apply();
  }

  /**
   * Too much was missed to have it sent: take the end, and keep the place.
   *
   * @param {Line[]} lines
   * @param {number} total
   */
  renew(lines, total) {
    this.#view.renew(lines, total);
    this.#groups.read();
    this.#showMarked();
  }

  #listen() {
    byId("error-next").addEventListener("click", () => this.#goToError(1));
    byId("error-previous").addEventListener("click", () => this.#goToError(-1));
    byId("log-fold").addEventListener("click", () => this.#groups.foldAll(true));
    byId("log-unfold").addEventListener("click", () => this.#groups.foldAll(false));
    byId("log-begin").addEventListener("click", () => this.#leaveMenu(() => this.#view.goTo(1, 0)));
    byId("log-end").addEventListener("click", () => this.#leaveMenu(() => this.#view.goToEnd()));
    byId("log-goto").addEventListener("submit", (event) => this.#goToLine(event));
    byId("marked-copy").addEventListener("click", () => this.#copyMarked());
    byId("marked-clear").addEventListener("click", () => this.#clearMarked());
    this.#menu.addEventListener("keydown", (event) => event.key === "Escape" && this.#closeMenu(event));
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.#menu.contains(/** @type {Node} */ (target))) this.#menu.removeAttribute("open");
    });
  }

  /** @param {KeyboardEvent} event */
  #closeMenu(event) {
    this.#menu.removeAttribute("open");
    within(this.#menu, "summary").focus();
    event.preventDefault();
  }

  /**
   * Do what the menu offers and go back to the log.
   *
   * @param {() => void} action
   */
  #leaveMenu(action) {
    this.#menu.removeAttribute("open");
    action();
    this.#view.scroller.focus({ preventScroll: true });
  }

  /** @param {Event} event */
  #goToLine(event) {
    event.preventDefault();
    const number = Number(byId("line-number", HTMLInputElement).value);
    if (!Number.isInteger(number) || number < 1) return;
    this.#leaveMenu(() => {
      this.#view.marks.mark(number, number);
      this.#view.goTo(number);
    });
  }

  #askForLine() {
    this.#menu.setAttribute("open", "");
    byId("line-number").focus();
    byId("line-number", HTMLInputElement).select();
  }

  /** Show the log as the options want it. */
  #apply() {
    const { wraps, times } = this.#options.options;
    this.#view.wraps = wraps;
    this.#view.rows.show({ time: timeTexts(times, this.#startedAt) });
  }

  #showErrors() {
    const count = this.#groups.outline.firstErrors.length;
    byId("log-errors").hidden = count === 0;
    setText(byId("error-count"), texts.log.errors(count));
    byId("log-folds").hidden = this.#groups.all.length === 0;
  }

  /** @param {1 | -1} step */
  #goToError(step) {
    const { firstErrors: errors } = this.#groups.outline;
    if (errors.length === 0) return false;
    const [first, last] = this.#view.inView;
    // From the one where one went last, as long as that is in view.
    const isThere = this.#error !== null && this.#error >= first && this.#error <= last;
    const edge = step > 0 && !this.#view.window.isFollowing ? first - 1 : last + 1;
    const from = isThere ? Number(this.#error) : edge;
    const place = step > 0 ? placeIn(errors, from + 1) : placeIn(errors, from) - 1;
    this.#error = errors[(place + errors.length) % errors.length];
    this.#view.bringIntoView(this.#error);
    this.#view.rows.show({ current: this.#error });
    return true;
  }

  #showMarked() {
    const { range } = this.#view.marks;
    const isThere = range !== null && range[0] <= this.total;
    const { complaint } = this.#phases;
    byId("log-marked").hidden = range === null && !complaint;
    byId("marked-copy").hidden = !isThere;
    this.#isMarkedBeyond = range !== null && range[1] > this.total;
    if (isThere) setText(byId("marked-lines"), texts.log.marked(range[0], Math.min(range[1], this.total)));
    else setText(byId("marked-lines"), range ? texts.log.noLine(range[0], this.total) : complaint);
    setText(byId("marked-copy"), texts.copy);
  }

  /** Mark no lines, and name no phase; returns whether there was something to clear. */
  #clearMarked() {
    if (this.#view.marks.range) this.#view.marks.clear();
    else if (this.#phases.complaint) this.#phases.clear();
    else return false;
    return true;
  }

  async #copyMarked() {
    const { range } = this.#view.marks;
    if (!range) return;
    const worked = await this.#copy.copyLines(...range);
    setText(byId("marked-copy"), worked ? texts.copied : texts.log.copyFailed);
    setTimeout(() => setText(byId("marked-copy"), texts.copy), COPIED_MS);
  }

  #addKeys() {
    const { keys } = texts.log;
    /**
     * @param {keyof typeof keys} name
     * @param {string} key
     * @param {() => unknown} handler
     */
    const add = (name, key, handler) =>
      addKeys({ name: `log-${name}`, key, description: keys[name], handler });
    // Once more, and it is the browser's own.
    add("search", "Mod+f", () =>
      this.#search.isOpen && this.#search.hasFocus ? false : this.#search.open(),
    );
    add("searchToo", "/", () => this.#search.open());
    add("nextHit", "n", () => this.#search.go(1));
    add("previousHit", "N", () => this.#search.go(-1));
    add("all", "Mod+a", () => this.#markAll());
    add("close", "Escape", () => this.#close());
    add("nextError", "e", () => this.#goToError(1));
    add("previousError", "E", () => this.#goToError(-1));
    add("begin", "g", () => this.#view.goTo(1, 0));
    add("end", "G", () => this.#view.goToEnd());
    add("line", "l", () => this.#askForLine());
    add("nextGroup", "]", () => this.#goToGroup(1));
    add("previousGroup", "[", () => this.#goToGroup(-1));
    add("fold", "x", () => this.#foldHere());
    add("wrap", "w", () => this.#options.toggleWraps());
    add("times", "t", () => this.#options.cycleTimes());
    add("whole", "f", toggleWhole);
  }

  /** Mark all lines, so that they can be copied; elsewhere on the page it is the browser's own. */
  #markAll() {
    if (document.activeElement !== this.#view.scroller || this.total === 0) return false;
    this.#view.marks.mark(1, this.total);
    return true;
  }

  /** Close what is open: the search, else marked lines. */
  #close() {
    if (!this.#search.isOpen) return this.#clearMarked() || leaveWhole();
    this.#search.close();
    return true;
  }

  /** @param {1 | -1} step */
  #goToGroup(step) {
    const from = this.#focusedLine() ?? this.#view.inView[0];
    const first = this.#groups.near(from, step);
    if (first === null) return;
    this.#view.bringIntoView(first);
    /** @type {HTMLElement | null | undefined} */
    const button = this.#view.window.elements.get(first)?.querySelector(".fold");
    button?.focus({ preventScroll: true });
  }

  /** Fold or unfold the group whose heading has the focus, else the first one in view. */
  #foldHere() {
    const [first, last] = this.#view.inView;
    const heading = this.#focusedLine() ?? this.#groups.near(first - 1, 1);
    if (heading !== null && heading <= last) this.#groups.toggle(heading);
  }

  /** The number of the line whose row has the focus, or null. */
  #focusedLine() {
    /** @type {HTMLElement | null | undefined} */
    const row = document.activeElement?.closest(".line");
    return row ? Number(row.dataset.number) : null;
  }
}
