// A job as GET /api/jobs/JOB shows it, and what events do to it. Pure.

import { constants } from "chef/constants.js";

/** @import { Line } from "chef/log-lines.js" */

/**
 * A job; moments are RFC 3339 texts, durations milliseconds, `progress` percent (docs/contract.md, section 4).
 *
 * @typedef {object} Job
 * @property {string} jobId
 * @property {string} projectId
 * @property {string} status
 * @property {number} progress
 * @property {false} [progressKnown] false where no progress was ever told
 * @property {string} phase
 * @property {string | null} message
 * @property {number} seq
 * @property {number} lines
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {string} [seenAt]
 * @property {"alive" | "lost" | null} [reporter]
 * @property {string | null} startedAt
 * @property {string | null} finishedAt
 * @property {number | null} durationMs
 * @property {PhaseSpan[]} phases
 * @property {string | null} [progressAt] when its progress last moved
 * @property {number | null} [phaseProgress] how far the phase is by its own tool
 * @property {Pause[]} [pauses] the longest ones, the longest first
 * @property {Eta | null} [eta]
 * @property {Artifact[]} artifacts
 * @property {Record<string, unknown>} meta
 * @property {{ message: string | null, code: number | string | null }} [error]
 * @property {Failure} [failure] why it failed, as its log has it
 * @property {Integrity} [integrity]
 * @property {Record<string, number>} [tests] the counts of its test reports
 * @property {Stop} [stop] who asked it to stop
 * @property {Question[]} [questions] what it asked people
 * @property {{ firstLine: number, lastLine: number }} [removed] of its log; from the first line on where it was erased
 */

/** `signed`: the name is of a signed token. @typedef {{ by: string, at: string, signed: boolean }} Stop */

/**
 * A question of a build, open until `until` or until the job ends.
 *
 * @typedef {object} Question
 * @property {string} id
 * @property {string} text
 * @property {string[]} options
 * @property {string} at
 * @property {string} until
 * @property {string} [default] the option that counts where nobody answers
 * @property {Stop & { option: string }} [answer]
 */

/**
 * @typedef {object} PhaseSpan
 * @property {string} phase
 * @property {string} startedAt
 * @property {string | null} finishedAt
 * @property {number | null} durationMs
 * @property {number | null} [firstLine] the first log line that came in it
 * @property {number | null} [longestPauseMs]
 */

/** Three times in milliseconds. @typedef {{ low: number, median: number, high: number }} Interval */

/**
 * How long a running job still takes, from the finished runs of its kind; times in milliseconds from `at` on.
 *
 * @typedef {object} Eta
 * @property {string} at
 * @property {number} runs
 * @property {boolean} range it is what so many runs took, too few for more
 * @property {Interval | null} remainingMs
 * @property {Interval | null} phaseRemainingMs
 * @property {number | null} overMs how long it is over the usual
 * @property {Record<string, Interval>} phases the usual durations of phases
 * @property {Record<string, number>} pauses the longest silences that are usual in phases
 */

/** A time in which nothing came. @typedef {{ phase: string, line: number | null, startedAt: string, durationMs: number }} Pause */

/** @typedef {{ name: string, url?: unknown, size?: unknown }} Artifact */

/** @typedef {{ name: string, line?: number, message?: string }} FailedTest `line` tells of its failure in the log */
/** @typedef {{ line: number, text: string }} ExcerptLine */
/** @typedef {{ summary: string, lines: ExcerptLine[], tests?: FailedTest[] }} Failure */

/** @typedef {{ stream: string, bytes: number, from: number, lines?: number | null }} Gap a range of a stream's bytes */

/**
 * Whether all of a log arrived, as far as its sender said what there was.
 *
 * @typedef {object} Integrity
 * @property {boolean} complete
 * @property {number | null} [lines]
 * @property {Gap[]} [missing]
 * @property {Gap[]} [surplus]
 * @property {{ stream: string }[]} [differs]
 * @property {string[]} [unchecked]
 */

/** @typedef {{ jobId: string, projectId: string, seq: number }} EventHead */

/**
 * An event of a job's state: what a job shows of itself, and the moment `at` (docs/contract.md, section 3).
 *
 * @typedef {EventHead & Partial<Job> & { at: string, phase: string, code?: number | string | null }} StateEvent
 */

/** @typedef {EventHead & Line} LogEvent one line */
/** @typedef {EventHead & { lines: Line[] }} LogsEvent several lines */
/** @typedef {StateEvent | LogEvent | LogsEvent} StoredEvent an event with a seq */
/** @typedef {{ jobId: string, projectId: string, eta: Eta | null }} EtaEvent a new estimate, which has no seq */
/** @typedef {{ jobId: string, projectId: string, log?: object }} RemovedEvent a job, or its log alone, was erased */
/** @typedef {{ jobId: string, projectId: string, stop: Stop }} StopEvent somebody asked a job to stop; no seq */
/** @typedef {{ jobId: string, projectId: string, questions: Question[] }} QuestionsEvent all that a job asked; no seq */
/** @typedef {EtaEvent | StopEvent | QuestionsEvent} NoteEvent an event beside the log, which has no seq */
/** @typedef {StoredEvent | NoteEvent} JobEvent */

const ENDED = new Set(constants.endedStatuses);

/** @param {Pick<Job, "status"> | null | undefined} job */
export function hasEnded(job) {
  return job !== null && job !== undefined && ENDED.has(job.status);
}

/**
 * A job's progress in percent; null where none was ever told, as of a job that is not there. A completed job has all of it.
 *
 * @param {Pick<Job, "status" | "progress" | "progressKnown"> | null} job
 */
export function knownProgress(job) {
  if (job === null) return null;
  return job.progressKnown !== false || job.status === "completed" ? job.progress : null;
}

/**
 * The job after an event; the same object where the event says nothing new.
 *
 * A job read over HTTP knows all up to its seq, so older events are no news. An ending has the seq of
 * the progress event before it. What an event does not say (meta of a progress update) is read anew
 * by the page when the phase changes and at the end.
 *
 * @template {Job | null} T
 * @param {T} job null before the first update
 * @param {string} name of the event
 * @param {JobEvent} event
 * @returns {T | Job}
 */
export function applyEvent(job, name, event) {
  const kind = name.slice(name.indexOf(":") + 1);
  if (!("seq" in event)) return job && noted(job, event);
  if (kind === "log") return applyLines(job, event, [/** @type {LogEvent} */ (event)]);
  if (kind === "logs") return applyLines(job, event, /** @type {LogsEvent} */ (event).lines);
  return applyState(job, kind, /** @type {StateEvent} */ (event));
}

/**
 * The last line of a job's log that was erased, 0 for none. What is removed from its middle was not.
 *
 * @param {Job | null} job
 */
export function erasedTo(job) {
  return job?.removed?.firstLine === 1 ? job.removed.lastLine : 0;
}

/**
 * @param {Job} job
 * @param {NoteEvent} event
 * @returns {Job}
 */
function noted(job, event) {
  if ("stop" in event) return { ...job, stop: event.stop };
  return "questions" in event ? { ...job, questions: event.questions } : { ...job, eta: event.eta };
}

/**
 * @template {Job | null} T
 * @param {T} job
 * @param {string} kind
 * @param {StateEvent} event
 * @returns {T | Job}
 */
function applyState(job, kind, event) {
  const before = job ?? newJob(event, event.at);
  const isNews = kind === "progress" ? event.seq > before.seq : event.seq >= before.seq && !before.finishedAt;
  if (!isNews) return job;
  const { at, code, ...said } = event;
  const going = resumed(before, event);
  /** @type {Job} */
  const after = { ...going, ...said, updatedAt: at };
  if (said.progressKnown === undefined) delete after.progressKnown;
  if (knownProgress(after) !== knownProgress(before)) after.progressAt = at;
  noteReporter(after, at);
  if (kind === "error") after.error = { message: event.message ?? null, code: code ?? null };
  after.phases = nextPhases(going.phases, event.phase, at, kind !== "progress");
  if (after.startedAt === null && event.phase !== "queued") after.startedAt = at;
  return after;
}

/**
 * A job before an event; one that had been given up without everything that its end had brought, if it goes on.
 *
 * @param {Job} job
 * @param {StateEvent} event
 */
function resumed(job, event) {
  if (!hasEnded(job) || hasEnded({ status: event.status ?? "" })) return job;
  const { error, failure, integrity, ...rest } = job;
  const phases = rest.phases.map((span, index, { length }) =>
    index === length - 1 && span.phase === event.phase
      ? { ...span, finishedAt: null, durationMs: null }
      : span,
  );
  return { ...rest, phases, finishedAt: null, durationMs: null };
}

/**
 * A job of which something was heard has a reporter, even if that was taken for lost.
 *
 * @param {Job} job
 * @param {string} at
 */
function noteReporter(job, at) {
  job.seenAt = at;
  if (job.reporter) job.reporter = "alive";
}

/**
 * @param {EventHead} head
 * @param {string} at
 * @returns {Job}
 */
function newJob({ jobId, projectId }, at) {
  return {
    jobId,
    projectId,
    status: "queued",
    progress: 0,
    phase: "queued",
    message: null,
    seq: 0,
    lines: 0,
    createdAt: at,
    updatedAt: at,
    startedAt: null,
    finishedAt: null,
    durationMs: null,
    phases: [],
    artifacts: [],
    meta: {},
  };
}

/**
 * A job that begins with a log line: it is building, and nobody said how far it is.
 *
 * @param {EventHead} head
 * @param {string} at
 * @returns {Job}
 */
function unsaidJob(head, at) {
  const phases = [{ phase: "building", startedAt: at, finishedAt: null, durationMs: null }];
  return { ...newJob(head, at), status: "building", phase: "building", progressKnown: false, phases };
}

/**
 * @template {Job | null} T
 * @param {T} job
 * @param {EventHead} head
 * @param {Line[]} lines at least one
 * @returns {T | Job}
 */
function applyLines(job, head, lines) {
  const { at } = lines[lines.length - 1];
  const before = job ?? unsaidJob(head, at);
  if (head.seq <= before.seq) return job;
  const after = {
    ...before,
    seq: head.seq,
    lines: lines.reduce((most, { line }) => Math.max(most, line), before.lines),
    updatedAt: at,
    startedAt: before.startedAt ?? at,
    phases: phasesWithLine(before.phases, lines.find(({ line }) => line > before.lines)?.line),
  };
  noteReporter(after, at);
  return after;
}

/**
 * The phases after a line: it may be the first one of the last phase.
 *
 * @param {PhaseSpan[]} phases
 * @param {number | undefined} line a new one, and none that takes the place of another
 */
function phasesWithLine(phases, line) {
  const last = phases.at(-1);
  if (!last || !line || last.finishedAt || last.firstLine) return phases;
  return [...phases.slice(0, -1), { ...last, firstLine: line }];
}

/**
 * The phases after an event: the last one goes on, or the next one begins.
 *
 * @param {PhaseSpan[]} phases
 * @param {string} phase
 * @param {string} at
 * @param {boolean} isEnd the job has ended, and with it its last phase
 * @returns {PhaseSpan[]}
 */
function nextPhases(phases, phase, at, isEnd) {
  const last = phases.at(-1);
  let spans = phases;
  if (last?.phase !== phase) {
    const before = last ? [...phases.slice(0, -1), last.finishedAt ? last : closed(last, at)] : [];
    spans = [...before, { phase, startedAt: at, finishedAt: null, durationMs: null }];
  }
  if (isEnd) spans = [...spans.slice(0, -1), closed(spans[spans.length - 1], at)];
  return spans;
}

/**
 * @param {PhaseSpan} span
 * @param {string} at
 */
function closed(span, at) {
  return { ...span, finishedAt: at, durationMs: Math.max(0, Date.parse(at) - Date.parse(span.startedAt)) };
}
