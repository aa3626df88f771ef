// Every word that the modules put on a page, by what it is for. Named in English: chef/i18n.js translates.

import { constants } from "chef/constants.js";
import { _, ngettext, number } from "chef/i18n.js";

/** @import { ConnectionState } from "chef/connection-state.js" */

// Those that the server says, too.
const { words } = constants;

export const texts = {
  status: words.statuses,
  phase: words.phases,
  /** @type {Record<string, string>} */
  source: {
    branch: _("Branch"),
    commit: _("Commit"),
    pullRequest: _("Pull request"),
    author: _("Author"),
    url: _("Address"),
  },
  /** @param {string} place */
  openIn: (place) => _("Open in %(place)s", { place }),
  progress: {
    places: words.places,
    /** @param {string} phase */
    inPhase: (phase) => _("in phase %(phase)s", { phase }),
    /** @type {(place: string, percent: string) => string} */
    stoppedAt: (place, percent) => _("%(place)s, at %(percent)s", { place, percent }),
    /** @param {string} time */
    usually: (time) => _("usually %(time)s", { time }),
    /** @type {(low: string, high: string) => string} */
    usuallyBetween: (low, high) => _("usually %(low)s to %(high)s", { low, high }),
    /** @param {string} percent */
    expected: (percent) => _("%(percent)s expected from earlier runs", { percent }),
    overUsual: _("longer than usual"),
  },
  timeLeft: {
    /** @type {(time: string, interval: string, runs: string) => string} */
    interval: (time, interval, runs) =>
      _("about %(time)s left (%(interval)s, from %(runs)s runs)", { time, interval, runs }),
    /** @type {(time: string, runs: string) => string} */
    about: (time, runs) => _("about %(time)s left (from %(runs)s runs)", { time, runs }),
    /** @type {(time: string, runs: string) => string} */
    atMost: (time, runs) => _("less than %(time)s left (from %(runs)s runs)", { time, runs }),
    /** @type {(interval: string, runs: string) => string} */
    range: (interval, runs) => _("%(interval)s in %(runs)s runs", { interval, runs }),
    /** @param {string} time */
    once: (time) => _("about %(time)s left, as the last time", { time }),
    /** @type {(low: string | number, high: string | number) => string} */
    between: (low, high) => _("%(low)s to %(high)s", { low, high }),
    /** @param {string} time */
    over: (time) => _("%(time)s over the usual", { time }),
    spoken: {
      over: _("longer than usual"),
      soon: _("less than a minute left"),
      /** @param {number} count */
      minutes: (count) => ngettext("about %(count)s minute left", "about %(count)s minutes left", count),
      /** @param {number} count */
      atMost: (count) =>
        ngettext("less than %(count)s minute left", "less than %(count)s minutes left", count),
      /** @param {number} count */
      hours: (count) => ngettext("about %(count)s hour left", "about %(count)s hours left", count),
    },
  },
  silence: {
    /** @param {string} age */
    silent: (age) => _("No update for %(age)s", { age }),
    /** @param {string} age */
    noOutput: (age) => _("No output for %(age)s", { age }),
    /** @param {string} time */
    usually: (time) => _("This phase is usually silent for at most %(time)s.", { time }),
    quiet: () => _("The build may still be running. This page continues as soon as it reports again."),
    /** @param {string} age */
    alive: (age) =>
      _("No output, but the reporter of the build is still there: last sign of life %(age)s ago.", { age }),
    /** @param {string} age */
    lost: (age) =>
      _(
        "Nothing received for %(age)s. The build may or may not still be running. If it reports again, this page continues.",
        { age },
      ),
  },
  integrity: {
    complete: _("The log is complete"),
    incomplete: _("The log is not complete"),
    all: _("Everything that was sent has arrived"),
    /** @param {number} count */
    lines: (count) =>
      ngettext(
        "%(count)s line was sent and has arrived",
        "%(count)s lines were sent and have arrived",
        count,
      ),
    /** @param {Record<"stream" | "size" | "start", string>} where */
    missing: (where) => _("%(stream)s: %(size)s missing from byte %(start)s on", where),
    /** @param {Record<"stream" | "size" | "start", string>} where */
    surplus: (where) => _("%(stream)s: %(size)s more than was sent, from byte %(start)s on", where),
    /** @param {string} stream */
    differs: (stream) => _("%(stream)s: not the content that was sent", { stream }),
    /** @param {string} stream */
    unchecked: (stream) => _("%(stream)s: only counted, not compared", { stream }),
  },
  notify: {
    ask: _("Notify me"),
    on: _("Notification on"),
    onTip: _("You get a notification when this job ends, if this page is not in view"),
    askTip: _("Get a notification when this job ends, if this page is not in view"),
    blocked: _("Notifications are blocked in this browser"),
  },
  waiting: words.waiting,
  noJob: _(
    "There is no job with this id. It may be mistyped, removed, or not started yet. If it starts, it appears here.",
  ),
  noPercent: _("progress unknown"),
  waitingForJob: _("Waiting for the first update of this job…"),
  /** @type {Record<ConnectionState, string>} */
  connection: {
    connecting: _("Connecting…"),
    "catching-up": _("Catching up…"),
    live: _("Live"),
    reconnecting: _("Reconnecting…"),
    waiting: words.waiting,
    ended: _("Ended"),
    "signed-out": _("Signed out"),
    refused: _("No access"),
  },
  linkEnded: _("This link has ended"),
  share: {
    levels: { progress: _("Progress"), summary: _("Summary"), log: _("Log") },
    /** @type {(level: string, moment: string) => string} */
    link: (level, moment) => _("%(level)s, until %(moment)s", { level, moment }),
    made: _("The link is ready: copy it"),
    ended: _("The link has ended"),
    failed: _("That did not work: try again"),
  },
  obstacle: {
    refused: _("WebSocket refused"),
    unanswered: _("WebSocket not answered"),
  },
  resort: {
    refused: _("The server or a proxy refuses Socket.IO. This page goes on by the event stream."),
    unanswered: _("Nobody answers when this page opens a WebSocket. It goes on by the event stream."),
  },
  embed: {
    unauthorized: _("This server shows builds only to those with a token, and takes none from this page."),
    forbidden: _("The token of this page does not cover this build."),
    /** @param {string} reason */
    refused: (reason) => _("The server refuses this page: %(reason)s", { reason }),
    noJobs: _("No builds yet. The first one appears here."),
    /** @param {string} job */
    logOf: (job) => _("Log of %(job)s", { job }),
  },
  /** @param {number | string} code */
  code: (code) => _("code %(code)s", { code }),
  /** @param {string} moment */
  startedAt: (moment) => _("Started %(moment)s", { moment }),
  /** @param {string} moment */
  endedAt: (moment) => _("Ended %(moment)s", { moment }),
  /** @param {string} age */
  updated: (age) => _("updated %(age)s ago", { age }),
  /** @param {string} age */
  quiet: (age) => _("no update for %(age)s", { age }),
  /** @param {string} age */
  ago: (age) => _("%(age)s ago", { age }),
  justNow: _("just now"),
  units: words.units,
  /** @param {number} count */
  lines: (count) => ngettext("%(count)s line", "%(count)s lines", count),
  /** @param {number} count */
  newLines: (count) => ngettext("%(count)s new line ↓", "%(count)s new lines ↓", count),
  toEnd: _("Jump to the end ↓"),
  loadingLines: _("Loading lines…"),
  linesFailed: _("Lines could not be loaded, trying again…"),
  emptyLog: {
    running: _("Log lines appear here as the build writes them."),
    ended: _("This job wrote no log."),
  },
  log: {
    /** @type {(name: string, count: number) => string} */
    group: (name, count) =>
      ngettext("%(name)s, group of %(count)s line", "%(name)s, group of %(count)s lines", count, { name }),
    /** @param {number} count */
    errors: (count) => ngettext("%(count)s error", "%(count)s errors", count),
    /** @type {(first: number, last: number) => string} */
    marked: (first, last) =>
      first === last
        ? _("Line %(line)s", { line: first })
        : _("Lines %(first)s to %(last)s", { first, last }),
    /** @type {(line: number, count: number) => string} */
    noLine: (line, count) =>
      ngettext(
        "There is no line %(line)s: the log has %(count)s line",
        "There is no line %(line)s: the log has %(count)s lines",
        count,
        { line: number(line) },
      ),
    /** @param {string} phase */
    emptyPhase: (phase) => _("The phase %(phase)s has no line in the log", { phase }),
    /** @param {string} phase */
    noPhase: (phase) => _("This job has no phase %(phase)s", { phase }),
    /** @param {number} count */
    onlyNew: (count) => _("Only new lines (%(count)s)", { count: number(count) }),
    /** @type {(count: number, total: number) => string} */
    newOf: (count, total) =>
      ngettext(
        "%(count)s line of %(total)s: its kind is not in green runs.",
        "%(count)s lines of %(total)s: the first of each kind that green runs do not have.",
        count,
        { total: number(total) },
      ),
    /** @param {number} count */
    newUnlisted: (count) =>
      ngettext("%(count)s more kind is not listed.", "%(count)s more kinds are not listed.", count),
    /** @param {number} count */
    showHidden: (count) => ngettext("Show %(count)s hidden line", "Show %(count)s hidden lines", count),
    copyFailed: _("Could not copy"),
    searching: _("Searching…"),
    searchFailed: _("Search is not responding, trying again…"),
    noHits: _("Nothing found"),
    /** @type {(place: number, count: number) => string} */
    hits: (place, count) =>
      place
        ? ngettext("%(place)s of %(count)s line", "%(place)s of %(count)s lines", count, {
            place: number(place),
          })
        : ngettext("%(count)s line", "%(count)s lines", count),
    /** @type {(place: number, count: number) => string} */
    hitsSoFar: (place, count) =>
      _("%(place)s of more than %(count)s", { place: number(place), count: number(count) }),
    keys: {
      search: _("Search the log; press again to search the page"),
      searchToo: _("Search the log"),
      nextHit: _("Next match"),
      previousHit: _("Previous match"),
      all: _("Select all lines"),
      close: _("Close the search or clear the selection"),
      nextError: _("Next error"),
      previousError: _("Previous error"),
      begin: _("Go to the start of the log"),
      end: _("Go to the end of the log and follow it"),
      line: _("Go to a line"),
      nextGroup: _("Next group"),
      previousGroup: _("Previous group"),
      fold: _("Fold or unfold a group"),
      onlyNew: _("Show only new lines, or all lines"),
      wrap: _("Wrap long lines on or off"),
      times: _("Times: hidden, since the start, time of day"),
      whole: _("Whole-screen log on or off"),
    },
  },
  /** @type {(percent: string, phase: string) => string} */
  percentOfPhase: (percent, phase) =>
    phase ? _("%(percent)s, phase %(phase)s", { percent, phase }) : percent,
  /** @type {(status: string, phase: string) => string} */
  announce: (status, phase) => (phase ? _("%(status)s, phase %(phase)s", { status, phase }) : status),
  /** @type {(jobId: string, status: string) => string} */
  outcome: (jobId, status) => _("%(job)s: %(status)s", { job: jobId, status }),
  /** @type {(count: number, line: number) => string} */
  newKinds: (count, line) =>
    ngettext(
      "%(count)s kind of line that green runs do not have, first at line %(line)s",
      "%(count)s kinds of lines that green runs do not have, first at line %(line)s",
      count,
      { line: number(line) },
    ),
  /** @type {(total: number, running: number) => string} */
  doneJobs: (total, running) =>
    running === 0
      ? ngettext("%(count)s job", "%(count)s jobs", total)
      : ngettext("%(done)s of %(count)s job done", "%(done)s of %(count)s jobs done", total, {
          done: number(total - running),
        }),
  /** @param {string} reference */
  pullRequest: (reference) => _("PR %(number)s", { number: reference }),
  /** @param {number} count */
  moreTiles: (count) => ngettext("and %(count)s more", "and %(count)s more", count),
  /** @param {number} count */
  moreKinds: (count) => ngettext("and %(count)s more kind", "and %(count)s more kinds", count),
  /** @param {string} time with its sign */
  againstGreen: (time) => _("%(time)s against green runs", { time }),
  /** @param {number} count */
  moreTests: (count) => ngettext("and %(count)s more test", "and %(count)s more tests", count),
  showAll: _("Show all"),
  showLess: _("Show less"),
  /** @param {number} count */
  all: (count) => _("All %(count)s", { count: number(count) }),
  control: {
    askedShort: _("asked to stop"),
    stopTitle: _("Stop this build?"),
    stopText: _(
      "The build is asked to stop. It counts as stopped once it confirms that, which takes a moment, or never comes if nobody reports for it.",
    ),
    stopWord: _("Stop the build"),
    signInTitle: _("Sign in to control builds"),
    signInText: _("With a token that may write you can stop builds and answer their questions in this tab."),
    signInWord: _("Sign in"),
    /** @type {(by: string, moment: string) => string} */
    asked: (by, moment) => _("%(by)s asked this build to stop, %(moment)s.", { by, moment }),
    /** @type {(by: string, moment: string) => string} */
    hadAsked: (by, moment) => _("%(by)s had asked this build to stop, %(moment)s.", { by, moment }),
    waits: _("The build has not confirmed it yet."),
    nobody: _("Nobody has confirmed it: no reporter of this build is heard of."),
    /** @type {Record<string, string>} */
    nameless: {
      "someone with a write token": _("someone with a write token"),
      "someone on the server's machine": _("someone on the server's machine"),
    },
    /** @param {string} name */
    asGiven: (name) => _("%(name)s (name as given)", { name }),
    /** @param {string} option */
    answerText: (option) => _("The build goes on with this answer: %(option)s", { option }),
    /** @type {(option: string, by: string, moment: string) => string} */
    answered: (option, by, moment) => _("%(option)s, chosen by %(by)s, %(moment)s", { option, by, moment }),
    /** @param {string} option */
    byDefault: (option) => _("not answered: %(option)s by default", { option }),
    unanswered: _("not answered"),
    open: _("waits for an answer"),
    /** @param {string} time */
    left: (time) => _("%(time)s left to answer", { time }),
    away: _("The server does not answer. Try again."),
    mayNot: _("This needs a token that may write this project."),
    tooLate: _("Too late: it was answered, its time is over, or the build has ended."),
    /** @param {number} status */
    refused: (status) => _("The server refused it (status %(status)s).", { status: number(status) }),
  },
  copyDigest: _("Copy for an issue"),
  copyFailed: _("Could not copy"),
  copied: _("Copied"),
  copy: _("Copy"),
  keys: {
    help: _("Show the keyboard shortcuts"),
    overview: _("Go to all projects"),
    project: _("Go to the job's project"),
    notify: _("Turn the notification for the end of this job on or off"),
    filter: _("Filter the list"),
    runProject: _("Go to the run's project"),
    next: _("Go to the next row"),
    previous: _("Go to the previous row"),
  },
  /** @type {Record<string, string>} */
  keyNames: { Escape: _("Esc"), Enter: _("Enter"), Home: _("Home"), End: _("End") },
};
