import { CentralInProcess } from './central-in-process';
import { asAdmin } from '../clients/operator';
import { realtimeToken, realtimeVariables } from '../clients/realtime-tokens';
import { SyncSocket } from '../clients/sync-socket';
import { writeTemporaryFile, type TemporaryFile } from '../documents/written-file';

/** Central with a file of topics, and the sockets of a test. */
export class RealtimeCentral {
  private readonly open: SyncSocket[] = [];

  private constructor(
    readonly central: CentralInProcess,
    readonly file: TemporaryFile,
  ) {}

  static async start(rules: string, variables: Record<string, string> = {}): Promise<RealtimeCentral> {
    const file = writeTemporaryFile('realtime.yaml', rules);
    const central = await CentralInProcess.start({
      ...realtimeVariables,
      CENTRAL_REALTIME_FILE: file.path,
      ...variables,
    });
    return new RealtimeCentral(central, file);
  }

  async connect(path: string, options?: Parameters<typeof SyncSocket.open>[2]): Promise<SyncSocket> {
    const socket = await SyncSocket.open(this.central, path, options);
    this.open.push(socket);
    return socket;
  }

  /** With the subscriptions that every user has. */
  async connectAs(userId: string, claims = {}): Promise<SyncSocket> {
    const socket = await this.connect(`/ws/sync?token=${await realtimeToken(userId, claims)}`);
    await socket.until(() => socket.of('subscribe').length === 2);
    return socket;
  }

  publish(body: object, headers = {}): Promise<[number, Record<string, unknown>]> {
    return this.central.call('POST', '/api/sync/publish', body, { ...asAdmin, ...headers });
  }

  async closeSockets(): Promise<void> {
    for (const socket of this.open.splice(0)) {
      socket.socket.terminate();
      if (socket.refused === undefined) await socket.end();
    }
  }

  async stop(): Promise<void> {
    await this.central.stop();
    this.file.remove();
  }
}
