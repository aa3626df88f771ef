// What <chef-log> shows: a job's log, of which the lines in view are in the document.

import { ConnectionNote } from "chef/embed/connection-note.js";
import { EmbeddedRows } from "chef/embed/embedded-rows.js";
import { make, makeStatus } from "chef/embed/make.js";
import { LogSpeaker } from "chef/log-aloud.js";
import { LogBody } from "chef/log-body.js";
import { setText } from "chef/nodes.js";
import { hasEnded } from "chef/state.js";
import { texts } from "chef/texts.js";

/** @import { JobState } from "chef-client" */
/** @import { Parameters } from "chef/api.js" */
/** @import { ViewContext } from "chef/embed/base.js" */
/** @import { Line } from "chef/log-lines.js" */
/** @import { Job } from "chef/state.js" */

// So often, in milliseconds, screen readers are told of new lines.
const SAY_MS = 5_000;

/** @extends {LogBody<EmbeddedRows>} */
class EmbeddedLog extends LogBody {
  /**
   * @param {number} first
   * @param {number} last
   */
  drawn(first, last) {
    super.drawn(first, last);
    this.rows.settle();
  }
}

export default class LogView {
  #context;
  #ending = new AbortController();
  #body;
  #note = new ConnectionNote();
  #frame = make("div", "frame");
  #empty = make("p", "empty");
  #speaker;
  /** The newest lines, as they came last. @type {Line[]} */
  #lines = [];
  #isQuiet = false;

  /**
   * @param {ShadowRoot} root
   * @param {ViewContext} context
   */
  constructor(root, context) {
    this.#context = context;
    const [scroller, container, button] = [make("div", "log"), make("div", "lines"), make("button", "jump")];
    const [note, said] = [makeStatus("note"), makeStatus("said")];
    const attributes = { role: "log", "aria-live": "off", tabindex: "0" };
    for (const [name, value] of Object.entries(attributes)) scroller.setAttribute(name, value);
    scroller.setAttribute("aria-label", texts.embed.logOf(context.subject.id));
    scroller.append(container, this.#empty);
    button.hidden = true;
    this.#frame.append(scroller, note, this.#note.element, button, said);
    root.replaceChildren(this.#frame);
    this.#speaker = new LogSpeaker(said, SAY_MS);
    const path = `/api/jobs/${encodeURIComponent(context.subject.id)}/logs`;
    const read = (/** @type {Parameters} */ parameters) =>
      context.read(`${path}?${new URLSearchParams(/** @type {Record<string, string>} */ (parameters))}`);
    const elements = { scroller, container, button, note };
    this.#body = new EmbeddedLog(elements, read, (body) => new EmbeddedRows(body), this.#ending.signal);
    this.options();
    this.#body.begin();
    this.tick();
  }

  /** @param {JobState} state */
  update({ job, lines, connection }) {
    this.#note.update(connection, job?.updatedAt);
    this.#take(/** @type {Line[]} */ (lines), job?.lines ?? 0);
    const isEmpty = this.#body.lines.total === 0 && this.#note.isPresent && job !== null;
    const words = hasEnded(/** @type {Job | null} */ (job)) ? texts.emptyLog.ended : texts.emptyLog.running;
    setText(this.#empty, isEmpty ? words : "");
    this.tick();
  }

  /**
   * Take the newest lines, of which most are known.
   *
   * @param {Line[]} lines
   * @param {number} count how many the log has
   */
  #take(lines, count) {
    const before = this.#lines;
    if (lines === before) return;
    this.#lines = lines;
    const { lines: known } = this.#body;
    const total = Math.max(count, lines.at(-1)?.line ?? 0);
    if (total < known.total || isErased(before, lines)) {
      this.#body.reset(lines, total);
      return;
    }
    const news = lines.filter((line) => known.get(line.line) !== line);
    const isFirst = known.total === 0 && before.length === 0;
    known.total = total;
    this.#body.add(news);
    if (!isFirst && !this.#isQuiet && !document.hidden && this.#body.window.isFollowing) {
      this.#speaker.add(news.filter(({ replace }) => !replace));
    }
  }

  tick() {
    this.#frame.toggleAttribute("data-stale", !this.#note.isPresent);
    this.#note.tick(this.#context.now());
  }

  options() {
    const { element } = this.#context;
    this.#body.wraps = element.hasAttribute("wrap");
    this.#isQuiet = element.hasAttribute("quiet");
  }

  moved() {
    this.#body.window.align();
  }

  close() {
    this.#ending.abort();
    this.#body.close();
  }
}

/**
 * Whether lines are gone that have not just been left behind.
 *
 * @param {Line[]} before
 * @param {Line[]} after
 */
function isErased(before, after) {
  if (before.length === 0) return false;
  if (after.length === 0) return true;
  const [first, numbers] = [after[0].line, new Set(after.map(({ line }) => line))];
  return before.some(({ line }) => line >= first && !numbers.has(line));
}
