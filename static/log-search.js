// Search in the whole log: the server finds the lines, those that come live are looked through here.

import { getJson } from "chef/api.js";
import { constants } from "chef/constants.js";
import { byId, setText } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { placeIn } from "chef/log-outline.js";
import { needleFor } from "chef/log-text.js";
import { texts } from "chef/texts.js";

/** @import { Line } from "chef/log-lines.js" */
/** @import { LogView } from "chef/log-view.js" */

const TYPING_MS = 180;
const RETRY_MS = 2_000;
// So many of the longest logs' lines are counted, and then "more than".
const MOST_HITS = 2_000_000;

export class LogSearch {
  #view;
  #url;
  #form = byId("log-search");
  #field = byId("search-field", HTMLInputElement);
  #text = "";
  /** The numbers of the lines that hold the text, ascending. @type {number[]} */
  #hits = [];
  // Whether all of them are known.
  #isWhole = true;
  /** @type {number | null} */
  #current = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;
  // The number of the present search; an answer to an earlier one means nothing.
  #turn = 0;
  // Whether the view is still to go to the nearest hit.
  #mustJump = false;
  /** The step that waits until the hit that it leads to is known: 1 or -1. @type {1 | -1 | null} */
  #step = null;

  /**
   * @param {LogView} view
   * @param {string} url where the lines that hold a text are asked for
   */
  constructor(view, url) {
    this.#view = view;
    this.#url = url;
    view.listen((lines) => this.#take(lines));
    byId("search-open").addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    byId("search-close").addEventListener("click", () => this.close());
    byId("search-next").addEventListener("click", () => this.go(1));
    byId("search-previous").addEventListener("click", () => this.go(-1));
    this.#field.addEventListener("input", () => this.#typed());
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("keydown", (event) => this.#key(event));
  }

  get isOpen() {
    return !this.#form.hidden;
  }

  /** Whether one writes in the field. */
  get hasFocus() {
    return document.activeElement === this.#field;
  }

  open() {
    const selected = this.#view.selection.text;
    this.#form.hidden = false;
    byId("search-open").setAttribute("aria-expanded", "true");
    if (selected && !/[\r\n]/.test(selected)) this.#field.value = selected.slice(0, constants.maxQuery);
    this.#field.focus();
    this.#field.select();
    if (this.#field.value !== this.#text) this.#search(this.#field.value);
  }

  close() {
    if (!this.isOpen) return;
    this.#form.hidden = true;
    byId("search-open").setAttribute("aria-expanded", "false");
    this.#search("");
    this.#view.scroller.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && event.target === this.#field) {
      if (this.#field.value !== this.#text) this.#search(this.#field.value);
      else this.go(event.shiftKey ? -1 : 1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#search(this.#field.value), TYPING_MS);
  }

  /** @param {string} text */
  async #search(text) {
    clearTimeout(this.#typing);
    const turn = ++this.#turn;
    this.#text = text;
    this.#hits = [];
    this.#isWhole = text === "" || this.#view.lines.total === 0;
    this.#current = null;
    this.#view.rows.show({ needle: text, current: null });
    this.#mustJump = text !== "";
    this.#step = null;
    this.#showCount();
    await this.#read(turn);
    if (turn !== this.#turn) return;
    this.#jump(true);
    this.#takeStep();
    this.#showCount();
  }

  /**
   * Read the hits from the server, until all are here or another search has begun.
   *
   * @param {number} turn
   */
  async #read(turn) {
    for (let after = 0; !this.#isWhole && this.#hits.length < MOST_HITS; ) {
      /** @type {{ lines: number[], next: number | null } | null} */
      const found = await getJson(this.#url, { q: this.#text, after }).catch(() => null);
      if (turn !== this.#turn) return;
      if (found === null) {
        setText(byId("search-count"), texts.log.searchFailed);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        if (turn !== this.#turn) return;
        continue;
      }
      this.#add(found.lines);
      this.#isWhole = found.next === null;
      after = found.next ?? after;
      this.#jump();
      this.#takeStep();
      this.#showCount();
    }
  }

  /** @param {number[]} numbers */
  #add(numbers) {
    for (const number of numbers) {
      const place = placeIn(this.#hits, number);
      if (this.#hits[place] !== number) this.#hits.splice(place, 0, number);
    }
  }

  /**
   * Lines came: live ones may hold the text, and replaced ones may hold it no more.
   *
   * @param {Line[]} lines
   */
  #take(lines) {
    const needle = needleFor(this.#text);
    if (needle === null) return;
    const changes = lines.filter((line) => {
      needle.lastIndex = 0;
      return this.#takeLine(line, needle.test(cleanText(line.message)));
    });
    if (changes.length > 0) this.#showCount();
  }

  /**
   * @param {Line} line
   * @param {boolean} holds the line holds the text
   * @returns whether the hits have changed
   */
  #takeLine(line, holds) {
    const place = placeIn(this.#hits, line.line);
    const isKnown = this.#hits[place] === line.line;
    if (holds === isKnown) return false;
    if (holds) {
      // The server itself will tell of lines beyond those that it has told of yet.
      if (!this.#isWhole && place >= this.#hits.length) return false;
      this.#hits.splice(place, 0, line.line);
      return true;
    }
    if (line.replace !== true) return false;
    this.#hits.splice(place, 1);
    return true;
  }

  /** As one types: go to the nearest place, from where one is. */
  #jump(isLast = false) {
    if (!this.#mustJump || this.#hits.length === 0) return;
    const [first, last] = this.#view.inView;
    const next = this.#hits[placeIn(this.#hits, first)];
    if (next === undefined && !isLast) return;
    this.#mustJump = false;
    // A reader of the end looks for what came last.
    const before = this.#hits[placeIn(this.#hits, last + 1) - 1];
    this.#goTo(next !== undefined && (next <= last || !this.#view.window.isAtEnd) ? next : (before ?? next));
  }

  /**
   * Go to the next hit (1) or the one before (-1), around the ends.
   *
   * @param {1 | -1} step
   */
  go(step) {
    if (!this.isOpen || this.#text === "") this.open();
    else {
      this.#step = step;
      this.#takeStep();
    }
  }

  /** Take the step that was asked for, as soon as it is known where it leads. */
  #takeStep() {
    const [step, count] = [this.#step, this.#hits.length];
    if (step === null || count === 0) return;
    const from = this.#current ?? this.#view.inView[step > 0 ? 0 : 1] - step;
    const place = step > 0 ? placeIn(this.#hits, from + 1) : placeIn(this.#hits, from) - 1;
    // Hits come from the log's beginning: of the lines behind those that are known nothing is known yet.
    const isKnown = place >= 0 && place < count && (step > 0 || from <= this.#hits[count - 1]);
    if (!isKnown && !this.#isWhole) return;
    this.#step = null;
    this.#goTo(this.#hits[(place + count) % count]);
  }

  /** @param {number} number */
  #goTo(number) {
    this.#current = number;
    this.#view.bringIntoView(number);
    this.#view.rows.show({ current: number });
    this.#showCount();
  }

  #showCount() {
    setText(byId("search-count"), this.#countText());
    const isEmpty = this.#hits.length === 0;
    byId("search-next", HTMLButtonElement).disabled = isEmpty;
    byId("search-previous", HTMLButtonElement).disabled = isEmpty;
  }

  #countText() {
    if (this.#text === "") return "";
    const count = this.#hits.length;
    const isOver = this.#isWhole || count >= MOST_HITS;
    if (count === 0) return isOver ? texts.log.noHits : texts.log.searching;
    const place = this.#current === null ? 0 : placeIn(this.#hits, this.#current) + 1;
    return this.#isWhole ? texts.log.hits(place, count) : texts.log.hitsSoFar(place, count);
  }
}
