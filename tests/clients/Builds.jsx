import { ChefProvider, useJob, useProject } from './chef/react.js';

// A project's newest builds, and the log of one of them.
export function Builds({ projectId, jobId, ...options }) {
  return (
    <ChefProvider {...options}>
      <Project projectId={projectId} />
      <Build jobId={jobId} />
    </ChefProvider>
  );
}

function Project({ projectId }) {
  const { jobs } = useProject(projectId, { limit: 10 });
  return (
    <ul id="jobs">
      {jobs.map((job) => (
        <li key={job.jobId}>{`${job.meta.branch ?? job.jobId}: ${job.status}`}</li>
      ))}
    </ul>
  );
}

function Build({ jobId }) {
  const { job, lines, eta, failure, connection } = useJob(jobId);
  const left = eta?.remainingMs && Math.ceil(eta.remainingMs.median / 60_000);
  return (
    <section>
      <progress max="100" value={job?.progress ?? 0} />
      <output id="status">{connection.reason ?? job?.status}</output>
      <p id="outcome">{failure?.summary ?? job?.error?.message ?? (left && `about ${left} min left`)}</p>
      <pre id="log">{lines.map((line) => `${line.message}\n`)}</pre>
      <footer id="connection">{connection.state}</footer>
    </section>
  );
}
