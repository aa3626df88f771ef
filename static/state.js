// A job as GET /api/jobs/JOB shows it, and what events do to it. Pure.

import { constants } from "chef/constants.js";

const ENDED = new Set(constants.endedStatuses);

export function hasEnded(job) {
  return job !== null && ENDED.has(job.status);
}

/**
 * The job after an event; the same object where the event says nothing new.
 *
 * A job read over HTTP knows all up to its seq, so older events are no news. An ending has the seq of
 * the progress event before it. What an event does not say (meta of a progress update) is read anew
 * by the page when the phase changes and at the end.
 */
export function applyEvent(job, name, event) {
  const kind = name.slice(name.indexOf(":") + 1);
  if (kind === "log" || kind === "logs") return applyLog(job, event);
  const before = job ?? newJob(event);
  const isNews = kind === "progress" ? event.seq > before.seq : event.seq >= before.seq && !before.finishedAt;
  if (!isNews) return job;
  const { at, code, ...said } = event;
  const after = { ...before, ...said, updatedAt: at };
  heard(after, at);
  if (kind === "error") after.error = { message: event.message, code: code ?? null };
  after.phases = nextPhases(before.phases, event.phase, at, kind !== "progress");
  if (after.startedAt === null && event.phase !== "queued") after.startedAt = at;
  return after;
}

/** What speaks is there, whatever was thought of it. */
function heard(job, at) {
  job.seenAt = at;
  if (job.reporter) job.reporter = "alive";
}

function newJob({ jobId, projectId, at }) {
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

function applyLog(job, event) {
  const lines = event.lines ?? [event];
  const newest = lines.at(-1);
  const before = job ?? newJob({ ...event, at: newest.at });
  if (event.seq <= before.seq) return job;
  const after = {
    ...before,
    seq: event.seq,
    lines: lines.reduce((most, one) => Math.max(most, one.line), before.lines),
    updatedAt: newest.at,
    startedAt: before.startedAt ?? newest.at,
  };
  heard(after, newest.at);
  return after;
}

function nextPhases(phases, phase, at, ends) {
  const last = phases.at(-1);
  const closed = (span) => ({
    ...span,
    finishedAt: at,
    durationMs: Math.max(0, Date.parse(at) - Date.parse(span.startedAt)),
  });
  let spans = phases;
  if (last?.phase !== phase) {
    const open = { phase, startedAt: at, finishedAt: null, durationMs: null };
    spans = [...phases.slice(0, -1), ...(last ? [last.finishedAt ? last : closed(last)] : []), open];
  }
  if (ends) spans = [...spans.slice(0, -1), closed(spans.at(-1))];
  return spans;
}
