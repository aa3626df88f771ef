// The panel of the log: its head with search, errors and options, and its keys.

import { getJson, getText, jobPath } from "chef/api.js";
import { DelayedCall } from "chef/delayed-call.js";
import { byId, setText } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { addKeys } from "chef/keys.js";
import { LogCopy } from "chef/log-copy.js";
import { LogGroups } from "chef/log-groups.js";
import { placeIn } from "chef/log-outline.js";
import { LogSearch } from "chef/log-search.js";
import { timeTexts } from "chef/log-times.js";
import { LogView } from "chef/log-view.js";
import { texts } from "chef/texts.js";

const KEPT = "chef.log";
const TIMES = ["none", "since", "clock"];
// What is said aloud of a log that is not quiet: so many lines, so often.
const SAID_LINES = 3;
const SAID_MS = 2_000;

export class LogPanel {
  #view;
  #groups;
  #search;
  #copy;
  #options = { wraps: matchMedia("(max-width: 820px)").matches, times: "none", speaks: false, ...kept() };
  #startedAt = null;
  #error = null;
  #unsaid = [];
  #saying = new DelayedCall(() => this.#sayNow());

  constructor(jobId) {
    const page = `/jobs/${encodeURIComponent(jobId)}`;
    const rendered = [];
    this.#view = new LogView({
      scroller: byId("log"),
      container: byId("lines"),
      button: byId("jump"),
      note: byId("log-note"),
      read: (parameters) => getJson(`${jobPath(jobId)}/logs`, parameters),
      wraps: this.#options.wraps,
      rendered,
    });
    this.#groups = new LogGroups(this.#view, `${page}/outline`, () => this.#showErrors());
    this.#search = new LogSearch(this.#view, `${page}/matches`);
    this.#copy = new LogCopy(this.#view, (parameters) => getText(`${jobPath(jobId)}/logs`, parameters));
    this.#view.markedChanged = () => this.#showMarked();
    byId("log-tools").hidden = false;
    this.#listen();
    this.#addKeys();
    this.#apply();
    this.#showMarked();
    this.#groups.begin(rendered);
  }

  get total() {
    return this.#view.total;
  }

  /** Take live lines. */
  add(lines) {
    this.#view.add(lines);
    if (this.#options.speaks) this.#say(lines);
  }

  /** Show the end of another log instead. */
  reset(lines, total) {
    this.#view.reset(lines, total);
    this.#groups.reset();
  }

  /** When the job began: times are told from there. */
  set startedAt(at) {
    if (at === this.#startedAt) return;
    this.#startedAt = at;
    this.#view.show({ time: timeTexts(this.#options.times, at) });
  }

  /** Too much was missed to have it sent: take the end, and keep the place. */
  renew(lines, total) {
    this.#view.renew(lines, total);
    this.#groups.read();
  }

  #listen() {
    byId("error-next").addEventListener("click", () => this.#goToError(1));
    byId("error-previous").addEventListener("click", () => this.#goToError(-1));
    byId("log-wrap").addEventListener("change", ({ target }) => this.#set({ wraps: target.checked }));
    byId("log-times").addEventListener("change", ({ target }) => this.#set({ times: target.value }));
    byId("log-speak").addEventListener("change", ({ target }) => this.#set({ speaks: target.checked }));
    byId("log-fold").addEventListener("click", () => this.#groups.foldAll(true));
    byId("log-unfold").addEventListener("click", () => this.#groups.foldAll(false));
    byId("log-begin").addEventListener("click", () => this.#go(() => this.#view.goTo(1, 0)));
    byId("log-end").addEventListener("click", () => this.#go(() => this.#view.goToEnd()));
    byId("log-goto").addEventListener("submit", (event) => this.#goToLine(event));
    byId("marked-copy").addEventListener("click", () => this.#copyMarked());
    byId("marked-clear").addEventListener("click", () => this.#view.unmark());
    const menu = byId("log-menu");
    menu.addEventListener("keydown", (event) => event.key === "Escape" && this.#closeMenu(event));
    document.addEventListener(
      "pointerdown",
      (event) => menu.contains(event.target) || menu.removeAttribute("open"),
    );
  }

  #closeMenu(event) {
    byId("log-menu").removeAttribute("open");
    byId("log-menu").querySelector("summary").focus();
    event.preventDefault();
  }

  /** Do what the menu says and go back to the log. */
  #go(what) {
    byId("log-menu").removeAttribute("open");
    what();
    this.#view.scroller.focus({ preventScroll: true });
  }

  #goToLine(event) {
    event.preventDefault();
    const number = Number(byId("line-number").value);
    if (!Number.isInteger(number) || number < 1) return;
    this.#go(() => {
      this.#view.mark(number, number);
      this.#view.goTo(number);
    });
  }

  #askForLine() {
    byId("log-menu").setAttribute("open", "");
    byId("line-number").focus();
    byId("line-number").select();
  }

  // Options

  #set(change) {
    Object.assign(this.#options, change);
    try {
      localStorage.setItem(KEPT, JSON.stringify(this.#options));
    } catch {
      // Where a browser keeps nothing it holds for this page.
    }
    this.#apply();
  }

  #apply() {
    const { wraps, times, speaks } = this.#options;
    byId("log-wrap").checked = wraps;
    byId("log-times").value = times;
    byId("log-speak").checked = speaks;
    this.#view.wraps = wraps;
    this.#view.show({ time: timeTexts(times, this.#startedAt) });
  }

  // Errors

  #showErrors() {
    const count = this.#groups.outline.errors.length;
    byId("log-errors").hidden = count === 0;
    setText(byId("error-count"), texts.log.errors(count));
    byId("log-folds").hidden = this.#groups.all.length === 0;
  }

  #goToError(step) {
    const { errors } = this.#groups.outline;
    if (errors.length === 0) return false;
    const [first, last] = this.#view.inView;
    // From the one where one went last, as long as that is in view.
    const isThere = this.#error !== null && this.#error >= first && this.#error <= last;
    const from = isThere ? this.#error : step > 0 && !this.#view.window.isFollowing ? first - 1 : last + 1;
    const place = step > 0 ? placeIn(errors, from + 1) : placeIn(errors, from) - 1;
    this.#error = errors[(place + errors.length) % errors.length];
    this.#view.bringIntoView(this.#error);
    this.#view.show({ current: this.#error });
    return true;
  }

  // Marked lines

  #showMarked() {
    const { marked } = this.#view;
    byId("log-marked").hidden = marked === null;
    if (marked) setText(byId("marked-lines"), texts.log.marked(...marked));
    setText(byId("marked-copy"), texts.copy);
  }

  async #copyMarked() {
    const worked = await this.#copy.copyLines(...this.#view.marked);
    setText(byId("marked-copy"), worked ? texts.copied : texts.log.copyFailed);
    setTimeout(() => setText(byId("marked-copy"), texts.copy), 2_000);
  }

  // Aloud

  /** Say new lines to who has asked for it: the newest of them, and not all the time. */
  #say(lines) {
    this.#unsaid.push(...lines.slice(-SAID_LINES));
    this.#saying.after(SAID_MS);
  }

  #sayNow() {
    const lines = this.#unsaid.slice(-SAID_LINES);
    this.#unsaid = [];
    setText(byId("log-said"), lines.map((line) => cleanText(line.message)).join("\n"));
  }

  // Keys

  #addKeys() {
    const { keys } = texts.log;
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
    add("wrap", "w", () => this.#set({ wraps: !this.#options.wraps }));
    add("times", "t", () =>
      this.#set({ times: TIMES[(TIMES.indexOf(this.#options.times) + 1) % TIMES.length] }),
    );
  }

  /** Mark all lines, so that they can be copied; elsewhere on the page it is the browser's own. */
  #markAll() {
    if (document.activeElement !== this.#view.scroller || this.total === 0) return false;
    this.#view.mark(1, this.total);
    return true;
  }

  /** Close what is open: the search, else marked lines. */
  #close() {
    if (this.#search.isOpen) this.#search.close();
    else if (this.#view.marked) this.#view.unmark();
    else return false;
    return true;
  }

  #goToGroup(step) {
    const from = this.#focused() ?? this.#view.inView[0];
    const first = this.#groups.near(from, step);
    if (first === null) return;
    this.#view.bringIntoView(first);
    this.#view.window.element(first)?.querySelector(".fold")?.focus({ preventScroll: true });
  }

  /** Fold or unfold the group whose heading has the focus, else the first one in view. */
  #foldHere() {
    const [first, last] = this.#view.inView;
    const heading = this.#focused() ?? this.#groups.near(first - 1, 1);
    if (heading !== null && heading <= last) this.#groups.toggle(heading);
  }

  #focused() {
    const row = document.activeElement?.closest(".line");
    return row ? Number(row.dataset.number) : null;
  }
}

function kept() {
  try {
    const { wraps, times, speaks } = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    return {
      ...(typeof wraps === "boolean" && { wraps }),
      ...(TIMES.includes(times) && { times }),
      ...(typeof speaks === "boolean" && { speaks }),
    };
  } catch {
    return {};
  }
}
