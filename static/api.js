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
  return (await get(path, parameters, "application/json", 20_000)).json();
}

/** The same for plain text, which may be long. */
export async function getText(path, parameters = {}) {
  return (await get(path, parameters, "text/plain", 120_000)).text();
}

async function get(path, parameters, type, milliseconds) {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(query ? `${path}?${query}` : path, {
    headers: { Accept: type },
    signal: AbortSignal.timeout(milliseconds),
  });
  if (!answer.ok) throw new Refused(answer.status);
  return answer;
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
