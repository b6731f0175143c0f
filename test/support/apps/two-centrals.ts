import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { AppProcess } from '@rivulet/app-process';
import { createTestDatabase, startApp, type TestDatabase } from '@rivulet/testing';
import { ADMIN_PASSWORD } from '../clients/operator';

/** Two processes of central on one database with the demo data, behind an address that leads to those that live. */
export class TwoCentrals {
  readonly url: string;
  private turn = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly centrals: AppProcess[],
    private readonly balancer: Server,
  ) {
    this.url = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}`;
    balancer.on('connection', (client) => void this.passOn(client));
  }

  static async start(variables: Record<string, string> = {}): Promise<TwoCentrals> {
    const database = await createTestDatabase();
    const start = (more: Record<string, string> = {}): Promise<AppProcess> =>
      startApp('central', {
        CENTRAL_DATABASE_URL: database.url,
        CENTRAL_ADMIN_PASSWORD: ADMIN_PASSWORD,
        ...variables,
        ...more,
      });
    const first = await start({ CENTRAL_DEMO_DATA: 'true' });
    const balancer = createServer();
    balancer.listen(0, '127.0.0.1');
    const [second] = await Promise.all([start(), once(balancer, 'listening')]);
    return new TwoCentrals(database, [first, second], balancer);
  }

  async stop(): Promise<void> {
    this.balancer.close();
    await Promise.all(this.centrals.map((central) => central.stop()));
    await this.database.drop();
  }

  /** Each connection goes to the next one that takes it. */
  private async passOn(client: Socket): Promise<void> {
    client.on('error', () => undefined);
    for (let attempt = 0; attempt < this.centrals.length; attempt++) {
      const central = this.centrals[this.turn++ % this.centrals.length]!;
      const server = connect(Number(new URL(central.url).port), '127.0.0.1');
      const isTaken = await once(server, 'connect').then(
        () => true,
        () => false,
      );
      if (!isTaken) continue;
      server.on('error', () => client.destroy());
      client.on('close', () => server.destroy());
      server.on('close', () => client.destroy());
      client.pipe(server).pipe(client);
      return;
    }
    client.destroy();
  }
}
