// Problem is an error response of the server: a problem of RFC 9457.
export class Problem extends Error {
  constructor(status, problem) {
    const fields = problem.errors?.map(({ field, message }) => `${field} ${message}`).join("; ");
    super(fields || problem.detail || problem.title || `The server answers ${status}.`);
    this.status = status;
  }
}

// send makes a request with a JSON body and returns the answer. It throws a Problem, or a TypeError without a network.
export async function send(method, path, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const response = await fetch(path, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? undefined : response.json();
}

export async function problemOf(response) {
  return new Problem(response.status, await response.json().catch(() => ({})));
}
