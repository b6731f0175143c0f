import type { CentralInProcess } from '../apps/central-in-process';
import { asAdmin } from './operator';

export interface NetworkOutcome {
  network_id: string;
  state: string;
  rows: number;
  bytes: number;
  sent_bytes: number;
  digest: string | null;
  receipt: string | null;
  error: { code: string; message: string; next_step: string } | null;
}

export interface RunOutcome {
  id: string;
  state: string;
  networks: Record<string, number>;
  rows: number;
  bytes: number;
  sent_bytes: number;
  results: NetworkOutcome[];
}

/** What an operator does with schemas and jobs. */
export class CollectionOperator {
  constructor(private readonly central: CentralInProcess) {}

  async post<T = Record<string, unknown>>(path: string, body?: object): Promise<T> {
    const [status, answer] = await this.central.call<T>('POST', path, body, asAdmin);
    if (status >= 300) throw new Error(`${path} answered ${status}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async find<T>(path: string): Promise<T> {
    return (await this.central.call<T>('GET', path, undefined, asAdmin))[1];
  }

  /** A job of one schema for some networks. */
  async define(
    schema: object,
    networks: readonly { networkId: string }[],
    more: object = {},
  ): Promise<string> {
    const { id } = await this.post<{ id: string }>('/api/schemas', schema);
    const network_ids = networks.map(({ networkId }) => networkId);
    return (
      await this.post<{ id: string }>('/api/jobs', { name: 'a job', schema_id: id, network_ids, ...more })
    ).id;
  }

  /** Runs a job while its networks ask for tasks, and tells what became of it. */
  async run(jobId: string, networks: readonly { collect(): Promise<void> }[]): Promise<RunOutcome> {
    const { id } = await this.post<{ id: string }>(`/api/jobs/${jobId}/run`);
    await Promise.all(networks.map((network) => network.collect()));
    return this.outcome(id);
  }

  async outcome(runId: string): Promise<RunOutcome> {
    return this.find<RunOutcome>(`/api/runs/${runId}`);
  }
}
