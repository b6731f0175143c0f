import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { ConnectedNetworks } from '../../../apps/central/src/collection/agents/connected-networks';
import type { CentralInProcess } from '../apps/central-in-process';
import { asAdmin, bearer } from './operator';
import { TestAgent, type AgentAnswer } from './test-agent';

interface Job {
  id: string;
  data: { run_id: string; sql_command: string; parameters: string[]; target_table: string; key: string[] };
}

/** An agent of a few lines with a database of its own, which sends the rows of its jobs as DATA messages. */
export class RowsAgent {
  private nextId = 0;

  private constructor(
    private readonly central: CentralInProcess,
    readonly networkId: string,
    readonly database: TestDatabase,
    readonly agent: TestAgent,
  ) {}

  static async join(central: CentralInProcess, transport: 'tcp' | 'websocket' = 'tcp'): Promise<RowsAgent> {
    const [, { token: registration }] = await central.call<{ token: string }>(
      'GET',
      '/agent/admin',
      undefined,
      asAdmin,
    );
    const [, { token, agent_id: networkId }] = await central.call<{ token: string; agent_id: string }>(
      'POST',
      '/agent/register',
      undefined,
      bearer(registration),
    );
    const agent =
      transport === 'tcp'
        ? await TestAgent.overTcp(central.agentPort)
        : await TestAgent.overWebSocket(central.url, bearer(token));
    const answer = await agent.register(transport === 'tcp' ? token : undefined);
    if (answer.type !== 'ACK') throw new Error(`Not registered: ${JSON.stringify(answer)}`);
    return new RowsAgent(central, networkId, await createTestDatabase(), agent);
  }

  /** Waits for a job and does it, in messages of so many rows. */
  async collect(rowsOfMessage = 30): Promise<void> {
    const job = await this.nextJob();
    const { columns, rows } = await this.read(job);
    const parts = Math.max(1, Math.ceil(rows.length / rowsOfMessage));
    for (let part = 1; part <= parts; part++) {
      const some = rows.slice((part - 1) * rowsOfMessage, part * rowsOfMessage);
      const data = { job: job.id, part, last: part === parts, ...(part === 1 && { columns }), rows: some };
      const answer = await this.sendData(data);
      if (answer.type !== 'ACK') throw new Error(`Not taken: ${JSON.stringify(answer.data)}`);
    }
  }

  async nextJob(): Promise<Job> {
    await this.central.get(ConnectedNetworks).look();
    const job = (await this.agent.next()) as AgentAnswer & Job;
    this.agent.send({ type: 'ACK', data: { of: 'JOB', id: job.id } });
    return job;
  }

  /** @returns the answer */
  async sendData(data: object, id = `data-${++this.nextId}`): Promise<AgentAnswer> {
    this.agent.send({ type: 'DATA', id, data });
    return this.agent.next();
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    await this.agent.closed();
    await this.database.drop();
  }

  /** Values as PostgreSQL prints them. */
  private async read({ data }: Job): Promise<{ columns: object[]; rows: unknown[][] }> {
    const { pool } = this.database;
    const { rows, fields } = await pool.query<unknown[]>({
      text: data.sql_command.replace('?', '$1'),
      values: data.parameters,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text },
    });
    const types = await pool.query<{ type: string }>(
      'SELECT format_type(oid, typmod) AS type FROM unnest($1::oid[], $2::int[]) AS field (oid, typmod)',
      [fields.map(({ dataTypeID }) => dataTypeID), fields.map(({ dataTypeModifier }) => dataTypeModifier)],
    );
    return { columns: fields.map(({ name }, index) => ({ name, type: types.rows[index]!.type })), rows };
  }
}
