import { Client } from 'pg';
import type { BenchRun } from '../setup/bench-run';
import { Pace } from './pace';

/** Somebody sells something: single rows of stock change, anywhere, at a steady rate. */
export class SteadyWriter {
  private isOver = false;
  private readonly running: Promise<void>;
  readonly stop: () => Promise<void>;

  private constructor(
    private readonly client: Client,
    private readonly perSecond: number,
    private readonly rows: number,
    cleanup: BenchRun['cleanup'],
  ) {
    this.running = this.write();
    this.running.catch(() => undefined); // Whoever stops it is told.
    this.stop = cleanup.add(() => this.end());
  }

  /** `rows`: those that may change are the first of these. */
  static async start({ servers, cleanup }: BenchRun, perSecond: number, rows: number): Promise<SteadyWriter> {
    const client = new Client({ connectionString: servers.central.url, application_name: 'bench writer' });
    await client.connect();
    return new SteadyWriter(client, perSecond, rows, cleanup);
  }

  private async write(): Promise<void> {
    const pace = new Pace(this.perSecond);
    while (!this.isOver) {
      await pace.next();
      await this.client.query({
        name: 'sell',
        text: 'UPDATE fleet_stock SET quantity = quantity + 1 WHERE id = $1',
        values: [1 + Math.floor(Math.random() * this.rows)],
      });
    }
  }

  private async end(): Promise<void> {
    this.isOver = true;
    try {
      await this.running;
    } finally {
      await this.client.end();
    }
  }
}
