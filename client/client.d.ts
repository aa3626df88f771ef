// How chef-client is used, in TypeScript.

/** What is told of a connection. `reason` says in words why it is not live. */
export interface Connected {
  state: ConnectionState;
  reason: string | null;
}

/**
 * `waiting`: there is no such job yet, its first update will be shown. `polling`: the page has four streams open to the
 * server, so this one is asked for every two seconds. `paused`: the page is hidden. `ended`: the job has ended, and
 * all of it is here. `unauthorized` (401), `forbidden` (403), `not-found` (404: no Chef there) and `refused` (another
 * 4xx) are final until `retry()`. `closed`: by `close()`.
 */
export type ConnectionState =
  | "connecting"
  | "live"
  | "polling"
  | "waiting"
  | "reconnecting"
  | "paused"
  | "ended"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "refused"
  | "closed";

/** A state is the same object until something changed, and so is each of its parts. */
export interface JobState {
  /** As `GET /api/jobs/JOB` shows it; null before its first update. */
  job: Job | null;
  /** In the order of their numbers. A line that was replaced keeps its number. */
  lines: Line[];
  eta: Eta | null;
  phases: PhaseSpan[];
  /** Why it failed, where the log tells. */
  failure: Failure | null;
  connection: Connected;
}

export interface ProjectState {
  /** The newest first, at most `limit`. */
  jobs: Job[];
  connection: Connected;
}

/** The function `io` of socket.io-client 4. */
export type SocketIo = (server: string, options: any) => any;

export interface WatchOptions<State> {
  /** Is told of a new state, once for all that came within a frame. */
  onChange?: (state: State) => void;
  /**
   * A token with the scope `read`, or a function that is asked for one before each connection; `refused` is true
   * where the server has refused the last one, as when it has expired.
   */
  token?: string | null | ((about: { refused: boolean }) => string | null | Promise<string | null>);
  /** Follow over Socket.IO, by `io` from socket.io-client 4. */
  io?: SocketIo;
  /** After how long (ms) a hidden page gives its connection up; 10,000 unless given, `Infinity`: never. */
  hiddenAfter?: number;
}

export interface JobOptions extends WatchOptions<JobState> {
  /** Have the newest so many lines alone; 0: none. All unless given. At most 1,000 earlier ones are read. */
  tail?: number;
}

export interface ProjectOptions extends WatchOptions<ProjectState> {
  /** So many jobs, 1 to 1,000; 50 unless given. */
  limit?: number;
}

export interface Watch<State> {
  readonly state: State;
  /** Connect now: after a refusal, or instead of waiting for the next try. */
  retry(): void;
  close(): void;
}

/** Follow a job: its state and its log. `server` is its address; empty: the page's own. */
export function watchJob(server: string | null | undefined, jobId: string, options?: JobOptions): Watch<JobState>;

/** Follow a project: its newest jobs, without their logs. */
export function watchProject(
  server: string | null | undefined,
  projectId: string,
  options?: ProjectOptions,
): Watch<ProjectState>;

/** That of the server that the client belongs to. */
export const VERSION: string;

// What the server sends. Made from its OpenAPI document (python -m tests.tools.clienttypes).

export type Id = string;
export type Status =
  "queued" | "preparing" | "installing" | "building" | "completed" | "failed" | "cancelled" | "abandoned";
/**
 * `queued`, `preparing`, `installing`, `building`, `completed`, or one of your own
 */
export type Phase = string;
/**
 * UTC, with milliseconds
 */
export type Time = string;
/**
 * any JSON, at most 32 levels deep in all, integers of 64 bits
 */
export type JsonValue =
  | (null | boolean)
  | string
  | number
  | JsonValue[]
  | {
      [k: string]: JsonValue | undefined;
    };
/**
 * exit status or code
 */
export type Code = number | string;

/**
 * A job as it stands.
 */
export interface Job {
  jobId: Id;
  projectId: Id;
  status: Status;
  progress: number;
  phase: Phase;
  phaseProgress: number | null;
  progressAt: string | null;
  message: string | null;
  /**
   * place in the job's order: 1, 2, 3 …
   */
  seq: number;
  lines: number;
  createdAt: Time;
  updatedAt: Time;
  /**
   * UTC, with milliseconds
   */
  seenAt: string;
  /**
   * of a running job whose reporter promised heartbeats: whether it keeps to that
   */
  reporter: ("alive" | "lost") | null;
  startedAt: Time | null;
  finishedAt: Time | null;
  durationMs: number | null;
  phases: PhaseSpan[];
  /**
   * the longest ones of at least a second, longest first
   *
   * @maxItems 3
   */
  pauses: Pause[];
  artifacts: Artifact[];
  meta: Meta;
  eta: Eta | null;
  /**
   * false where no update said a progress, or a phase that has one
   */
  progressKnown?: false;
  error?: JobError;
  failure?: Failure;
  integrity?: Integrity;
  tests?: OutcomeCounts;
  stop?: Stop;
  questions?: Question[];
  removed?: RemovedLog;
}
/**
 * A time that a job spent in a phase.
 */
export interface PhaseSpan {
  phase: Phase;
  startedAt: Time;
  finishedAt: Time | null;
  durationMs: number | null;
  firstLine: number | null;
  longestPauseMs: number | null;
}
/**
 * A long time without a line or an update.
 */
export interface Pause {
  phase: Phase;
  line: number | null;
  startedAt: Time;
  durationMs: number;
}
export interface Artifact {
  name: string;
  url: string;
  /**
   * bytes
   */
  size?: number;
  [k: string]: JsonValue | string | number | undefined;
}
/**
 * merged into the job's meta; at most 16384 bytes as JSON in all
 */
export interface Meta {
  branch?: string;
  commit?: string;
  url?: string;
  author?: string;
  title?: string;
  [k: string]: JsonValue | string | undefined;
}
/**
 * How long a job still takes, counted from `at`, by the finished runs of its kind.
 */
export interface Eta {
  at: Time;
  /**
   * so many finished runs it is from
   */
  runs: number;
  /**
   * of fewer than 10 runs: intervals are what these runs took
   */
  range: boolean;
  remainingMs: Interval | null;
  phaseRemainingMs: Interval | null;
  overMs: number | null;
  /**
   * usual durations of phases
   */
  phases: {
    [k: string]: Interval | undefined;
  };
  /**
   * longest silences that are usual in phases
   */
  pauses: {
    [k: string]: number | undefined;
  };
}
/**
 * Times in ms: 8 of 10 runs are between `low` and `high`.
 */
export interface Interval {
  low: number;
  median: number;
  high: number;
}
/**
 * How a job failed.
 */
export interface JobError {
  message: string | null;
  code: Code | null;
}
/**
 * Why a job failed, as its log has it: what the tools state at their end, else the first error.
 */
export interface Failure {
  summary: string;
  lines: ExcerptLine[];
  /**
   * @minItems 1
   */
  tests?: FailedTest[];
}
/**
 * A line of a log, without what a terminal would obey.
 */
export interface ExcerptLine {
  line: number;
  text: string;
}
/**
 * A test that failed: its name as its tool has it, and the line of the log that tells of its failure.
 *
 *     `line` is absent where only a test report tells of it.
 */
export interface FailedTest {
  name: string;
  line?: number;
  message?: string;
}
/**
 * Whether all has arrived that the sender of the end claimed; absent without a claim.
 *
 *     `unchecked` names streams that were only counted: they began before checksums were kept.
 */
export interface Integrity {
  complete: boolean;
  lines: number | null;
  /**
   * @minItems 1
   */
  missing?: Missing[];
  /**
   * @minItems 1
   */
  surplus?: Surplus[];
  /**
   * @minItems 1
   */
  differs?: Different[];
  /**
   * @minItems 1
   */
  unchecked?: Id[];
}
/**
 * A part of a stream that has not arrived.
 */
export interface Missing {
  stream: Id;
  bytes: number;
  from: number;
  lines?: number;
}
/**
 * A part of a stream that is more than was claimed.
 */
export interface Surplus {
  stream: Id;
  bytes: number;
  from: number;
}
/**
 * A stream of the claimed size with other bytes or lines.
 */
export interface Different {
  stream: Id;
  crc32?: string;
  lines?: number;
  claimed: string | number;
}
/**
 * How many tests of a job, or of a report, had which outcome. Errors count as failed.
 *
 *     `duration_ms` is the sum of the tests' own durations: they may have run beside each other.
 */
export interface OutcomeCounts {
  passed?: number;
  failed?: number;
  skipped?: number;
  flaky?: number;
  total?: number;
  durationMs?: number;
  /**
   * tests that are counted, but not kept one by one
   */
  unlisted?: number;
}
/**
 * A request that a build stops. Whether it did is told by its end alone.
 */
export interface Stop {
  by: string;
  at: Time;
  /**
   * whether `by` is of a signed token, and not what somebody called themselves
   */
  signed: boolean;
}
/**
 * A question of a build. Without an `answer` it is open until `until`, or until the job ends.
 */
export interface Question {
  id: Id;
  text: string;
  options: string[];
  at: Time;
  until: Time;
  /**
   * counts where nobody answers
   */
  default?: string;
  answer?: Choice;
}
/**
 * The option that somebody chose.
 */
export interface Choice {
  option: string;
  by: string;
  at: Time;
  signed: boolean;
}
/**
 * Lines of a log that are gone: from its first one on where it was erased, else in its middle.
 *
 *     From `firstSeq` on nothing is.
 */
export interface RemovedLog {
  /**
   * place in the job's order: 1, 2, 3 …
   */
  firstSeq: number;
  firstLine: number;
  lastLine: number;
  lines: number;
  bytes: number;
}
/**
 * A line of a log as it is now.
 */
export interface Line {
  line: number;
  at: Time;
  stream: Id;
  level: string | null;
  message: string;
  /**
   * takes the place of the line before it
   */
  replace?: true;
}
