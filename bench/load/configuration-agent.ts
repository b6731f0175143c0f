import { setTimeout as delay } from 'node:timers/promises';
import { DEVICE_MAC_HEADER } from '@rivulet/protocol';
import { KeepAliveConnection } from './keep-alive-connection';

const RETRY_MS = 1_000;

/** An agent that asks for its configuration when it is told to, and reports it as applied at once. */
export class ConfigurationAgent {
  private held = '"0"';
  private isAsking = false;
  private isWanted = false;

  private constructor(
    private readonly connection: KeepAliveConnection,
    private readonly head: string,
    private readonly onApplied: (version: number) => void,
  ) {}

  static async connect(
    centralUrl: string,
    { macAddress, localAddress }: { macAddress: string; localAddress: string },
    onApplied: (version: number) => void,
  ): Promise<ConfigurationAgent> {
    const url = new URL(centralUrl);
    const connection = await KeepAliveConnection.open(url, localAddress);
    return new ConfigurationAgent(
      connection,
      `host: ${url.host}\r\n${DEVICE_MAC_HEADER}: ${macAddress}\r\n`,
      onApplied,
    );
  }

  /** Once more after the one that is under way. */
  async ask(): Promise<void> {
    this.isWanted = true;
    if (this.isAsking) return;
    this.isAsking = true;
    while (this.isWanted) {
      this.isWanted = false;
      await this.askOnce();
    }
    this.isAsking = false;
  }

  close(): void {
    this.connection.close();
  }

  private async askOnce(): Promise<void> {
    const asked = `GET /api/v1/config HTTP/1.1\r\n${this.head}if-none-match: ${this.held}\r\n\r\n`;
    const { status, body } = await this.connection.send(asked);
    if (status === 304 || status === 404) return;
    if (status === 503) {
      // As an edge does, and a part of what is measured.
      await delay(RETRY_MS * (1 + Math.random()));
      this.isWanted = true;
      return;
    }
    if (status !== 200) throw new Error(`Central answered with ${status}: ${body}`);
    const { version } = JSON.parse(body) as { version: number };
    this.held = `"${version}"`;
    const report = JSON.stringify({ version, status: 'APPLIED' });
    const type = `content-type: application/json\r\ncontent-length: ${report.length}\r\n`;
    await this.connection.send(`POST /api/v1/config/status HTTP/1.1\r\n${this.head}${type}\r\n${report}`);
    this.onApplied(version);
  }
}
