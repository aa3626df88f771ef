// Groups in the log: their headings fold and unfold them.

import { getJson, Refused } from "chef/api.js";
import { DelayedCall } from "chef/delayed-call.js";
import { Outline } from "chef/log-outline.js";
import { texts } from "chef/texts.js";

const SETTLE_MS = 150;
const RETRY_MS = 5_000;

export class LogGroups {
  #view;
  #url;
  #outline = new Outline();
  #groups = new Map();
  // What somebody chose, by a group's first line.
  #chosen = new Map();
  #ranges = "";
  #settling = new DelayedCall(() => this.#settle());
  #changed;
  #generation = 0;

  /** `url` is where the log's outline is asked for; `changed()` is told that errors or groups are others now. */
  constructor(view, url, changed) {
    [this.#view, this.#url, this.#changed] = [view, url, changed];
    view.groupAt = (number) => this.#groups.get(number);
    view.decorate = (row, _number, group) => this.#decorate(row, group);
    view.reveal = (number) => this.#reveal(number);
    view.listen((lines) => this.#take(lines));
    view.scroller.addEventListener("click", (event) => this.#clicked(event));
  }

  get outline() {
    return this.#outline;
  }

  get all() {
    return [...this.#groups.values()];
  }

  /** Take the lines that came with the page, then ask the server about those that did not, and what lines replaced. */
  begin(lines) {
    this.#take(lines);
    this.#settling.now();
    this.read();
  }

  /** The log is another one. */
  reset() {
    this.#outline.clear();
    this.#chosen.clear();
    this.#settling.now();
    this.read();
  }

  /** Read the outline from its beginning. */
  async read() {
    const generation = ++this.#generation;
    for (let next = "1-0"; next !== null && this.#view.total > 0; ) {
      try {
        const part = await getJson(this.#url, { after: next });
        if (generation !== this.#generation) return;
        this.#outline.merge(part);
        this.#view.setRemoved(part.removed);
        this.#settling.after(SETTLE_MS);
        next = part.next;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) return;
        await new Promise((then) => setTimeout(then, RETRY_MS));
      }
    }
  }

  #take(lines) {
    let changed = false;
    for (const line of lines) changed = this.#outline.take(line) || changed;
    if (changed) this.#settling.after(SETTLE_MS);
  }

  #settle() {
    const before = this.#groups;
    this.#groups = new Map(this.#outline.groups().map((group) => [group.first, group]));
    this.#keepOpenWhatIsRead(before);
    this.#apply();
    this.#changed();
  }

  /** Who reads in a group, away from the end, does not see it fold by itself. */
  #keepOpenWhatIsRead(before) {
    if (this.#view.window.isFollowing) return;
    const [first, last] = this.#view.inView;
    for (const group of this.#groups.values()) {
      const was = before.get(group.first);
      const isRead = group.first <= last && group.last >= first;
      if (was && isRead && group.isFolded && !was.isFolded && !this.#chosen.has(group.first))
        this.#chosen.set(group.first, false);
    }
  }

  isFolded(group) {
    return this.#chosen.get(group.first) ?? (group.isFolded && !this.#isLinked(group));
  }

  /** Whether the page's address leads to a line of a group. */
  #isLinked({ first, last }) {
    const line = this.#view.marked?.[0];
    return line > first && line <= last;
  }

  #apply() {
    const ranges = this.all
      .filter((group) => this.isFolded(group))
      .map(({ first, last }) => [first + 1, last]);
    const said = JSON.stringify(ranges);
    if (said !== this.#ranges) {
      this.#ranges = said;
      this.#view.fold(ranges);
    }
    for (const [number, row] of this.#view.window.elements) {
      const group = this.#groups.get(number);
      if (row.dataset.group !== this.#said(group)) this.#view.refill(number);
    }
  }

  /** What a row shows of its group, to know when it is to be filled again. */
  #said(group) {
    return group ? `${group.marker}${group.last}${this.isFolded(group)}` : undefined;
  }

  #decorate(row, group) {
    const text = row.querySelector(".text");
    const before = row.querySelector(".fold");
    const hadFocus = before !== null && before === document.activeElement;
    before?.remove();
    for (const name of ["group", "folded"]) delete row.dataset[name];
    delete text.dataset.count;
    if (!group) return;
    row.dataset.group = this.#said(group);
    const button = document.createElement("button");
    const isFolded = this.isFolded(group);
    const count = group.count ?? this.#view.total - group.first;
    button.className = "fold";
    button.setAttribute("aria-expanded", String(!isFolded));
    button.setAttribute("aria-label", texts.log.group(headingOf(text), count));
    if (isFolded) {
      row.dataset.folded = "";
      text.dataset.count = texts.lines(count);
    }
    text.before(button);
    if (hadFocus) button.focus({ preventScroll: true });
  }

  #clicked(event) {
    const row = event.target.closest(".line[data-group]");
    const isHeading = event.target.closest(".fold") || event.target.closest(".text");
    if (!row || !isHeading || event.target.closest("a") || !getSelection().isCollapsed) return;
    this.toggle(Number(row.dataset.number));
  }

  /** Fold the group that begins at a line, or unfold it. */
  toggle(first) {
    const group = this.#groups.get(first);
    if (!group) return;
    this.#view.letGo();
    this.#chosen.set(first, !this.isFolded(group));
    this.#apply();
  }

  /** Fold or unfold all. */
  foldAll(isFolded) {
    for (const { first } of this.#groups.values()) this.#chosen.set(first, isFolded);
    this.#apply();
  }

  #reveal(number) {
    for (const group of this.#groups.values()) {
      if (group.first < number && number <= group.last && this.isFolded(group))
        this.#chosen.set(group.first, false);
    }
    this.#apply();
  }

  /** The heading nearest before or after a line, of those that are not folded away; null for none. */
  near(number, step) {
    const shown = this.all.map(({ first }) => first).filter((first) => !this.#view.isHidden(first));
    return (
      (step > 0 ? shown.find((first) => first > number) : shown.findLast((first) => first < number)) ?? null
    );
  }
}

/** What a heading says, without what marks it as one. */
function headingOf(text) {
  return text.textContent.slice(text.querySelector(".marker")?.textContent.length ?? 0).trim();
}
