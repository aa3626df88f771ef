// The client as a page in TypeScript uses it, with `strict`. Compiled, never run.
import { type JobState, type Line, VERSION, watchJob, watchProject } from 'chef-client';
import { ChefProvider, useJob, useProject } from 'chef-client/react';

declare function io(server: string, options?: { path?: string; auth?: object }): { disconnect(): void };

const watch = watchJob('https://chef.example', 'build-1', {
  token: async ({ refused }) => (refused ? 'new' : 'old'),
  io,
  tail: 100,
  hiddenAfter: Number.POSITIVE_INFINITY,
  onChange: (state: JobState) => show(state),
});

function show({ job, lines, eta, phases, failure, connection }: JobState): void {
  const percent: number | undefined = job?.progress;
  const texts: string[] = lines.map((line: Line) => `${line.line} ${line.message} ${line.replace ?? false}`);
  const left: number | undefined = eta?.remainingMs?.median;
  const reason: string | null = failure?.summary ?? connection.reason;
  const firsts: (number | null)[] = phases.map((phase) => phase.firstLine);
  const branch: string | undefined = job?.meta.branch;
  console.log(percent, texts, left, reason, firsts, branch, job?.error?.code);
  if (connection.state === 'unauthorized') watch.retry();
  // @ts-expect-error There is no such state.
  if (connection.state === 'gone') watch.close();
  // @ts-expect-error There is none before the first update.
  console.log(job.progress);
}

const project = watchProject(null, 'web', { limit: 10, onChange: ({ jobs }) => console.log(jobs[0]?.jobId) });
project.close();
// @ts-expect-error A project has no lines.
watchProject('', 'web', { tail: 1 });
// @ts-expect-error A watch's state is read, not written.
watch.state = project.state;

export function Page() {
  const { job, lines } = useJob('build-1', { server: 'https://chef.example', tail: 0 });
  const { jobs } = useProject(null);
  const version: string = VERSION;
  return ChefProvider({ token: 'token', children: [job?.status, lines.length, jobs.length, version] });
}
