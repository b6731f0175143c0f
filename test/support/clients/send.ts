export interface Call {
  body?: unknown;
  headers?: Record<string, string>;
}

/** A text is sent as it is, anything else as JSON. */
export async function send(url: string, method: string, { body, headers = {} }: Call): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  return fetch(url, { method, headers: { ...type, ...headers }, body: body === undefined ? null : text });
}
