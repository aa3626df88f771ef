// The page of one job.

import { getJob, getJson, jobPath } from "chef/api.js";
import { showsAll } from "chef/base.js";
import { Chip } from "chef/chip.js";
import { followJob } from "chef/connection.js";
import { constants } from "chef/constants.js";
import { DelayedCall } from "chef/delayed-call.js";
import { byId, everySecond, keepInReach, live, now, setText, within } from "chef/dom.js";
import { phaseWord } from "chef/format.js";
import { offerControl, showControl } from "chef/job-control.js";
import { offerDigest, showDigestButton } from "chef/job-digest.js";
import { isMissing, showHead, showSource, tickHead } from "chef/job-head.js";
import { renewNovelty, showNovelty } from "chef/job-novelty.js";
import { compareWithGreen, showPauses, showPhases } from "chef/job-phases.js";
import { reasonLine } from "chef/job-reason.js";
import { showArtifacts, showDetails, showIntegrity } from "chef/job-side.js";
import { addKeys } from "chef/keys.js";
import { LogPanel } from "chef/log-panel.js";
import { NoLog } from "chef/no-log.js";
import { stoppedWords } from "chef/progress-words.js";
import { addSharing } from "chef/sharing.js";
import { keepShownBars } from "chef/shown-bar.js";
import { shownStatus } from "chef/silence.js";
import { applyEvent, erasedTo, hasEnded } from "chef/state.js";
import { Notifier, showTab } from "chef/tab.js";
import { TestPanel } from "chef/test-panel.js";
import { texts } from "chef/texts.js";

/** @import { ConnectionState, JobPage } from "chef/connection-state.js" */
/** @import { Novelty } from "chef/job-novelty.js" */
/** @import { Line } from "chef/log-lines.js" */
/** @import { Job, LogEvent, LogsEvent } from "chef/state.js" */

// Lines are taken for some minutes after a job's end, and may be on their way a little longer.
const LATE_LINES_MS = constants.lateLogsMs + 30_000;
// A job that says nothing for so long is asked after, so often.
const SILENT_MS = 60_000;
const ASK_MS = 30_000;
// Changes of progress may come often: what their events leave out is read a little later.
const SOON_MS = 2_000;
// Lines may come a hundred times a second: what they change besides the log is shown so often.
const LINES_MS = 100;
// So long after the end, or after lines that came behind it, the job is read once more.
const LOOK_AGAIN_MS = 6_000;

const SCROLLERS = [within(document, "h1"), byId("message-line"), byId("failure"), within(document, ".side")];

const { jobId } = live;
const chip = new Chip({ isOfOne: true });
const notifier = new Notifier(jobId);
const log = showsAll ? new LogPanel(jobId) : new NoLog();
const tests = new TestPanel(jobId, live.job);
/** @type {Job | null} */
let job = live.job;
/** @type {ConnectionState} */
let connection = "connecting";
/** @type {string | null} */
let announced = null;

/** @type {JobPage} */
const page = {
  showConnection(state) {
    connection = state;
    showConnection();
  },

  showSilence(isSilent) {
    chip.silent = isSilent && !page.isOver();
  },

  update(newest) {
    if (!newest || newest.seq < (job?.seq ?? 0)) return;
    // Nothing told of it, as while the page was not connected.
    if (job && erasedTo(newest) > erasedTo(job)) forgetting.after(0);
    show(newest);
  },

  receive(name, event) {
    const isLog = name === "job:log" || name === "job:logs";
    if (isLog) log.add(linesOf(/** @type {LogEvent | LogsEvent} */ (event)));
    const before = job;
    const after = applyEvent(before, name, event);
    if (after === before || after === null) return;
    const isSame = after.status === before?.status && after.startedAt === before.startedAt;
    if (!("seq" in event)) {
      show(after);
      return;
    }
    if (isLog && isSame && after.phases === before.phases) {
      job = after;
      showingLines.after(LINES_MS);
      if (hasEnded(after)) lookingAgain.after(LOOK_AGAIN_MS);
      return;
    }
    if (hasEnded(after)) lookingAgain.after(LOOK_AGAIN_MS);
    show(after);
    if (before === null || after.phase !== before.phase || hasEnded(before) || hasEnded(after)) rereadSoon();
    else if (!isLog) rereadSoon(SOON_MS);
  },

  async restart(isSameHistory) {
    const newest = await getJob(jobId);
    /** @type {{ lines: Line[], total: number }} */
    const end =
      newest && showsAll
        ? await getJson(`${jobPath(jobId)}/logs`, { tail: constants.limits.lines })
        : { lines: [], total: 0 };
    if (!isSameHistory) showNovelty(null, takeNovelty);
    if (isSameHistory) log.renew(end.lines, end.total);
    else log.reset(end.lines, end.total);
    job = null;
    show(newest);
    return newest?.seq ?? 0;
  },

  isOver() {
    // A job that was given up goes on as soon as anything comes of it.
    const finishedAt = hasEnded(job) && job?.status !== "abandoned" ? job?.finishedAt : null;
    return Boolean(finishedAt) && now() - Date.parse(String(finishedAt)) > LATE_LINES_MS;
  },
};

/**
 * @param {LogEvent | LogsEvent} event
 * @returns {Line[]}
 */
function linesOf(event) {
  return "lines" in event ? event.lines : [event];
}

/** Read what events do not say: artifacts, meta. A little later, and not all viewers of a job at once. */
const rereading = new DelayedCall(async () => {
  try {
    page.update(await getJob(jobId));
  } catch {
    // The connection's own state says that the server is away; it reads the job when it is back.
  }
});

/** Read anew a log that was erased. */
const forgetting = new DelayedCall(async () => {
  try {
    await page.restart(false);
  } catch {
    forgetting.after(SOON_MS);
  }
});

/** The server looks once more why a job failed when its log is quiet: no event tells what it finds. */
const lookingAgain = new DelayedCall(() => {
  rereadSoon();
  renewNovelty(takeNovelty);
});

function rereadSoon(delay = 0) {
  rereading.after(delay + 100 + Math.random() * 400);
}

/** @param {Job | null} newest */
function show(newest) {
  const before = job;
  job = newest;
  if (job) chip.updatedAt = Date.parse(job.updatedAt);
  showConnection();
  showHead(job, jobId);
  showControl(job);
  showTab(job);
  showDigestButton(job);
  showNovelty(job, takeNovelty);
  notifier.follow(job);
  showPhases(job);
  log.phases = job?.phases ?? [];
  showLogHead();
  if (job?.pauses !== before?.pauses || job?.status !== before?.status) showPauses(job);
  if (job?.artifacts !== before?.artifacts) showArtifacts(job);
  tests.show(job);
  if (job?.integrity !== before?.integrity || job?.status !== before?.status) showIntegrity(job);
  if (job?.meta !== before?.meta) {
    showSource(job);
    showDetails(job);
  }
  announce();
}

/** @param {Novelty | null} found */
function takeNovelty(found) {
  log.novelty = found;
  compareWithGreen(job, found?.phases ?? []);
}

const showingLines = new DelayedCall(() => {
  if (!job) return;
  chip.updatedAt = Date.parse(job.updatedAt);
  showLogHead();
});

function showConnection() {
  if (page.isOver()) chip.show("ended");
  else if (connection !== "live") chip.show(connection);
  else chip.show(hasEnded(job) ? "ended" : isMissing() ? "waiting" : "live");
}

function showLogHead() {
  if (!showsAll) return;
  const count = Math.max(job?.lines ?? 0, log.total);
  log.startedAt = job?.startedAt ?? job?.createdAt ?? null;
  setText(byId("line-count"), count ? texts.lines(count) : "");
  byId("raw-link").hidden = count === 0;
  setText(within(document, ".log-empty"), hasEnded(job) ? texts.emptyLog.ended : texts.emptyLog.running);
}

/** Tell screen readers of a new state or phase, once. */
function announce() {
  const status = shownStatus(job, now());
  const phase = job && !hasEnded(job) ? phaseWord(job.phase) : "";
  const place = stoppedWords(job);
  const words =
    status && (place ? `${texts.status[status]} ${place}` : texts.announce(texts.status[status], phase));
  if (announced !== null && announced !== words) setText(byId("announcement"), words);
  announced = words;
}

/** A job that has failed opens where its log says why, unless the page's address says where. */
function openAtReason() {
  const line = job?.status === "failed" && !location.hash ? reasonLine(job) : null;
  if (line !== null) log.goTo(line);
}

/** A reporter's heartbeats emit no event: the page asks for a silent job while somebody looks at it. */
function askWhetherAlive() {
  if (!job || hasEnded(job) || document.hidden) return;
  if (now() - Date.parse(job.updatedAt) >= SILENT_MS) rereadSoon();
}

addKeys({
  name: "project",
  key: "u",
  description: texts.keys.project,
  handler: () => byId("project-link").hidden || byId("project-link").click(),
});
keepShownBars();
everySecond(() => {
  showConnection();
  chip.tick();
  tickHead(job);
  showTab(job);
  announce();
  if (job && !hasEnded(job)) showPhases(job);
  showControl(job);
  keepInReach(SCROLLERS);
});
setInterval(askWhetherAlive, ASK_MS);
document.addEventListener("visibilitychange", askWhetherAlive);
show(job);
log.goToPhase();
openAtReason();
offerDigest(jobId);
offerControl(jobId, rereadSoon);
addSharing(`${jobPath(jobId)}/shares`);
followJob(jobId, job?.seq ?? 0, live.epoch, page);
