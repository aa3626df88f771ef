// How the hooks are used, in TypeScript.

import type { JobOptions, JobState, ProjectOptions, ProjectState, WatchOptions } from "./client.js";

/** What is the same for all hooks of a page. */
export interface ChefOptions extends Omit<WatchOptions<never>, "onChange"> {
  /** The server's address; the page's own unless given. */
  server?: string | null;
}

export interface JobHookOptions extends ChefOptions, Pick<JobOptions, "tail"> {}

export interface ProjectHookOptions extends ChefOptions, Pick<ProjectOptions, "limit"> {}

/** Gives its options to all hooks below it; an option of a hook itself comes before. */
export function ChefProvider(props: ChefOptions & { children?: any }): any;

/**
 * A job as it stands; without an id none is followed. Components that want the same share one connection.
 * A new function for `token` is taken over; another text begins anew.
 */
export function useJob(jobId: string | null | undefined, options?: JobHookOptions): JobState;

/** A project's newest jobs; without an id none is followed. */
export function useProject(projectId: string | null | undefined, options?: ProjectHookOptions): ProjectState;
