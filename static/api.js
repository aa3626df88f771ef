// Reading over HTTP.

/** A request that was refused: `status` says how. */
export class Refused extends Error {
  constructor(status) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

/** The JSON that a path of the API answers; throws Refused, or TypeError where nobody answers. */
export async function getJson(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(query ? `${path}?${query}` : path, {
    headers: { Accept: "application/json" },
    signal: AbortSignal.timeout(20_000),
  });
  if (!answer.ok) throw new Refused(answer.status);
  return answer.json();
}

export function jobPath(jobId) {
  return `/api/jobs/${encodeURIComponent(jobId)}`;
}

/** A job, or null before its first update. */
export async function getJob(jobId) {
  try {
    return await getJson(jobPath(jobId));
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}
