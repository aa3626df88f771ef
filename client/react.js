// React's hooks for the client: a job or a project as state of a component. For React 18 and 19.

import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from "react";
import { watchJob, watchProject } from "./client.js";

/** @import { JobState, ProjectState, Watch } from "./client.d.ts" */
/** @import { ChefOptions, JobHookOptions, ProjectHookOptions } from "./react.d.ts" */

/** One for all components that want the same. @typedef {{ watch: Watch<any>, listeners: Set<() => void>, token: any }} Shared */

/** By what is wanted. @type {Map<string, Shared>} */
const shared = new Map();
/** Texts for functions. @type {WeakMap<object, number>} */
const numbers = new WeakMap();
let newestNumber = 0;

const Options = createContext(/** @type {ChefOptions} */ ({}));

/** Says for all hooks below it where the server is and how it is spoken to. @type {typeof import("./react.d.ts").ChefProvider} */
export function ChefProvider({ children, ...options }) {
  const { server, token, io, hiddenAfter } = options;
  const value = useMemo(() => ({ server, token, io, hiddenAfter }), [server, token, io, hiddenAfter]);
  return createElement(Options.Provider, { value }, children);
}

/** @type {JobState} */
const NO_JOB = {
  job: null,
  lines: [],
  eta: null,
  phases: [],
  failure: null,
  connection: waitingFor("connecting"),
};
/** @type {JobState} */
const LEFT_JOB = { ...NO_JOB, connection: waitingFor("closed") };
/** @type {ProjectState} */
const NO_PROJECT = { jobs: [], connection: waitingFor("connecting") };
/** @type {ProjectState} */
const LEFT_PROJECT = { ...NO_PROJECT, connection: waitingFor("closed") };

/** @param {"connecting" | "closed"} state */
function waitingFor(state) {
  return { state, reason: null };
}

/**
 * A job as it stands; without an id none is followed.
 *
 * @param {string | null | undefined} jobId
 * @param {JobHookOptions} [options]
 * @returns {JobState}
 */
export function useJob(jobId, options) {
  return useWatch(watchJob, jobId, options, jobId ? NO_JOB : LEFT_JOB);
}

/**
 * A project's newest jobs; without an id none is followed.
 *
 * @param {string | null | undefined} projectId
 * @param {ProjectHookOptions} [options]
 * @returns {ProjectState}
 */
export function useProject(projectId, options) {
  return useWatch(watchProject, projectId, options, projectId ? NO_PROJECT : LEFT_PROJECT);
}

/**
 * @template State
 * @param {(server: any, id: string, options: any) => Watch<State>} watch
 * @param {string | null | undefined} id
 * @param {any} own options of the hook, before those of the provider
 * @param {State} first the state before there is a watch
 * @returns {State}
 */
function useWatch(watch, id, own, first) {
  const { server, token, io, hiddenAfter, tail, limit } = { ...useContext(Options), ...own };
  // A new function for a token is no reason to begin anew, while another text is that of somebody else.
  const parts = [watch, server, id, typeof token === "function" ? null : token, io, hiddenAfter, tail, limit];
  const key = id
    ? JSON.stringify(parts.map((part) => (typeof part === "function" ? numberOf(part) : part)))
    : "";
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key has all that a watch depends on
  const subscribe = useCallback(
    (/** @type {() => void} */ listener) => {
      if (!id) return () => {};
      const options = { io, hiddenAfter, tail, limit };
      return join(key, listener, token, (given) => watch(server, id, { ...options, ...given }));
    },
    [key],
  );
  const state = () => shared.get(key)?.watch.state ?? first;
  useEffect(() => {
    const one = shared.get(key);
    if (one) one.token = token;
  }, [key, token]);
  return useSyncExternalStore(subscribe, state, () => first);
}

/** @param {object} part */
function numberOf(part) {
  const number = numbers.get(part) ?? ++newestNumber;
  numbers.set(part, number);
  return `#${number}`;
}

/**
 * Be told of changes by the watch that is there for a key, or by a new one; returns how to leave.
 *
 * @param {string} key
 * @param {() => void} listener
 * @param {any} token
 * @param {(given: object) => Watch<any>} open
 */
function join(key, listener, token, open) {
  const one = shared.get(key) ?? opened(token, open);
  shared.set(key, one);
  one.listeners.add(listener);
  return () => {
    one.listeners.delete(listener);
    if (one.listeners.size > 0 || shared.get(key) !== one) return;
    shared.delete(key);
    one.watch.close();
  };
}

/**
 * @param {any} token
 * @param {(given: object) => Watch<any>} open
 * @returns {Shared}
 */
function opened(token, open) {
  /** @type {Shared} */
  const one = { watch: /** @type {any} */ (null), listeners: new Set(), token };
  one.watch = open({
    token: (/** @type {object} */ about) => (typeof one.token === "function" ? one.token(about) : one.token),
    onChange() {
      for (const tell of one.listeners) tell();
    },
  });
  return one;
}
