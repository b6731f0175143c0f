import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN_PASSWORD, type RunningApp } from './bench-apps';

export interface CollectedRun {
  id: string;
  state: string;
  rows: number;
  bytes: number;
  sent_bytes: number;
  results: { duration_ms: number }[];
  finished_at: string | null;
}

/** Defines what central collects, and runs it. */
export class CollectionOperator {
  private authorization: string | undefined;

  constructor(private readonly central: RunningApp) {}

  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.fetch(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** With a token: a password has central compute its hash with each call, which is slow on purpose. */
  private async fetch(method: string, path: string, body?: object): Promise<Response> {
    this.authorization ??= await this.logIn();
    const response = await fetch(`${this.central.url}${path}`, {
      method,
      headers: {
        authorization: this.authorization,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (response.status !== 401) return response;
    // It has expired.
    this.authorization = undefined;
    return this.fetch(method, path, body);
  }

  private async logIn(): Promise<string> {
    const response = await fetch(`${this.central.url}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: ADMIN_PASSWORD }),
    });
    const { token } = (await response.json()) as { token?: string };
    if (token === undefined) throw new Error(`The login was answered with ${response.status}.`);
    return `Bearer ${token}`;
  }

  /** @returns the ID of the job */
  async define(schema: object, networkIds: string[], more: object = {}): Promise<string> {
    const { id } = await this.call<{ id: string }>('POST', '/api/schemas', schema);
    const job = { name: 'bench', schema_id: id, network_ids: networkIds, ...more };
    return (await this.call<{ id: string }>('POST', '/api/jobs', job)).id;
  }

  async start(jobId: string): Promise<string> {
    return (await this.call<{ id: string }>('POST', `/api/jobs/${jobId}/run`)).id;
  }

  /** @throws unless it succeeds */
  async finished(runId: string): Promise<CollectedRun> {
    for (;;) {
      const run = await this.call<CollectedRun>('GET', `/api/runs/${runId}?limit=1`);
      if (run.state === 'succeeded') return run;
      if (run.finished_at !== null) throw new Error(`The run ended as ${JSON.stringify(run)}`);
      await delay(100);
    }
  }
}

/** From when its network was given the task to the commit: a sync begins at once, too. */
export function secondsOf({ results: [network] }: CollectedRun): number {
  return network!.duration_ms / 1_000;
}
