// Search in the whole log: the server finds the lines, those that come live are looked through here.

import { getJson } from "chef/api.js";
import { constants } from "chef/constants.js";
import { byId, setText } from "chef/dom.js";
import { cleanText } from "chef/escapes.js";
import { placeIn } from "chef/log-outline.js";
import { needleFor } from "chef/log-text.js";
import { texts } from "chef/texts.js";

const TYPING_MS = 180;
const MOST_HITS = 20_000;

export class LogSearch {
  #view;
  #url;
  #form = byId("log-search");
  #field = byId("search-field");
  #count = byId("search-count");
  #text = "";
  // The numbers of the lines that hold the text, ascending; `isWhole` when all are known.
  #hits = [];
  #isWhole = true;
  #current = null;
  #typing = null;
  #turn = 0;
  #jumps = false;

  constructor(view, url) {
    [this.#view, this.#url] = [view, url];
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
    const selected = this.#view.hasSelection ? getSelection().toString() : "";
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

  async #search(text) {
    clearTimeout(this.#typing);
    const turn = ++this.#turn;
    [this.#text, this.#hits, this.#isWhole, this.#current] = [
      text,
      [],
      text === "" || this.#view.total === 0,
      null,
    ];
    this.#view.show({ needle: text, current: null });
    this.#jumps = text !== "";
    this.#showCount();
    for (let after = 0; !this.#isWhole && this.#hits.length < MOST_HITS; ) {
      try {
        const found = await getJson(this.#url, { q: text, after });
        if (turn !== this.#turn) return;
        this.#add(found.lines);
        this.#isWhole = found.next === null;
        after = found.next;
      } catch {
        if (turn !== this.#turn) return;
        setText(this.#count, texts.log.searchFailed);
        await new Promise((then) => setTimeout(then, 2_000));
        if (turn !== this.#turn) return;
        continue;
      }
      this.#jump();
      this.#showCount();
    }
    if (turn !== this.#turn) return;
    this.#jump(true);
    this.#showCount();
  }

  #add(numbers) {
    for (const number of numbers) {
      const place = placeIn(this.#hits, number);
      if (this.#hits[place] !== number) this.#hits.splice(place, 0, number);
    }
  }

  /** Lines that came: live ones may hold the text, and such as were replaced hold it no more. */
  #take(lines) {
    if (this.#text === "") return;
    const needle = needleFor(this.#text);
    let changed = false;
    for (const line of lines) {
      const place = placeIn(this.#hits, line.line);
      const isKnown = this.#hits[place] === line.line;
      needle.lastIndex = 0;
      const holds = needle.test(cleanText(line.message));
      if (holds === isKnown) continue;
      // Beyond what the server has told yet it will tell itself.
      if (holds && (this.#isWhole || place < this.#hits.length)) this.#hits.splice(place, 0, line.line);
      else if (isKnown && line.replace === true) this.#hits.splice(place, 1);
      else continue;
      changed = true;
    }
    if (changed) this.#showCount();
  }

  /** As one types: go to the nearest place, from where one is. */
  #jump(isLast = false) {
    if (!this.#jumps || this.#hits.length === 0) return;
    const [first, last] = this.#view.inView;
    const next = this.#hits[placeIn(this.#hits, first)];
    if (next === undefined && !isLast) return;
    this.#jumps = false;
    // One who reads the end looks for what came last.
    const before = this.#hits[placeIn(this.#hits, last + 1) - 1];
    this.#goTo(next !== undefined && (next <= last || !this.#view.window.isAtEnd) ? next : (before ?? next));
  }

  /** Go to the next hit (1) or the one before (-1), around the ends. */
  go(step) {
    if (!this.isOpen || this.#text === "") return this.open();
    if (this.#hits.length === 0) return undefined;
    const from = this.#current ?? this.#view.inView[step > 0 ? 0 : 1] + (step > 0 ? -1 : 1);
    const place = step > 0 ? placeIn(this.#hits, from + 1) : placeIn(this.#hits, from) - 1;
    const count = this.#hits.length;
    return this.#goTo(this.#hits[(place + count) % count]);
  }

  #goTo(number) {
    this.#current = number;
    this.#view.bringIntoView(number);
    this.#view.show({ current: number });
    this.#showCount();
  }

  #showCount() {
    setText(this.#count, this.#countText());
    const none = this.#hits.length === 0;
    byId("search-next").disabled = none;
    byId("search-previous").disabled = none;
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
