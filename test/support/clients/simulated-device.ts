import { registerAgent, type TestAgent } from './config-agent';
import type { CentralInProcess } from '../apps/central-in-process';

interface Sent {
  version: number;
  data: unknown;
}

/** A device that polls when a test says so, applies what it is sent, and remembers everything that it has run. */
export class SimulatedDevice {
  /** The versions that it has run, in order; what fails is taken back. */
  readonly runs: number[] = [];
  /** What it was sent last. */
  held: string | undefined;
  refuses = (_version: number): boolean => false;

  private constructor(
    private readonly agent: TestAgent,
    private readonly name: string,
  ) {}

  static async register(central: CentralInProcess, name: string, hostname: string): Promise<SimulatedDevice> {
    return new SimulatedDevice(await registerAgent(central, hostname), name);
  }

  get id(): string {
    return this.agent.id;
  }

  get inForce(): number | undefined {
    return this.runs.at(-1);
  }

  /** @returns the version that it was sent, if it was sent one */
  async poll(): Promise<number | undefined> {
    const tag: Record<string, string> = this.held === undefined ? {} : { 'if-none-match': this.held };
    const { status, body, headers } = await this.agent.get(`/api/v1/config?name=${this.name}`, tag);
    if (status !== 200) return undefined;
    this.held = headers.get('etag')!;
    const { version } = body as Sent;
    const good = this.inForce;
    if (this.refuses(version)) await this.report(version, 'FAILED', good);
    else {
      this.runs.push(version);
      await this.report(version, 'APPLIED', version);
    }
    return version;
  }

  private async report(version: number, status: string, inForce: number | undefined): Promise<void> {
    const reason = status === 'FAILED' ? { reason: 'WORKER_REFUSED: not this one' } : {};
    const shown = inForce === undefined ? {} : { in_force_version: inForce, in_force_sha256: '0'.repeat(64) };
    await this.agent.post('/api/v1/config/status', {
      name: this.name,
      version,
      status,
      ...reason,
      ...shown,
    });
  }
}
