import { once } from 'node:events';
import { DEVICE_MAC_HEADER } from '@rivulet/protocol';
import { WebSocket } from 'ws';

/** The WebSocket of a simulated device: it registers, sends heartbeats as often as it is told, and hears nudges. */
export class LiveDevice {
  private constructor(
    private readonly socket: WebSocket,
    private readonly name: string,
    private readonly onNudge: () => void,
  ) {}

  /** Resolves once it is registered. */
  static async connect(
    centralUrl: string,
    { macAddress, localAddress }: { macAddress: string; localAddress: string },
    onNudge: () => void,
  ): Promise<LiveDevice> {
    const socket = new WebSocket(`${centralUrl.replace('http', 'ws')}/ws/agent`, {
      headers: { [DEVICE_MAC_HEADER]: macAddress },
      localAddress,
      perMessageDeflate: false,
    });
    await once(socket, 'open');
    const device = new LiveDevice(socket, macAddress, onNudge);
    device.send('REGISTER', { version: '0.1.0', os: 'linux' });
    const [answer] = (await once(socket, 'message')) as [Buffer];
    const { type, data } = JSON.parse(answer.toString()) as {
      type: string;
      data: { heartbeat_seconds?: number };
    };
    if (type !== 'ACK') throw new Error(`REGISTER was answered with ${answer.toString()}`);
    device.beat((data.heartbeat_seconds ?? 30) * 1_000);
    return device;
  }

  private beat(everyMs: number): void {
    this.socket.on('message', (text: Buffer) => {
      if (text.includes('"NUDGE"')) this.onNudge();
    });
    const send = (): void =>
      this.send('HEARTBEAT', {
        cpu_usage: 12.5,
        memory_usage: 40.1,
        uptime_seconds: 1,
        last_cycle: 'current',
      });
    // They have not all been started at once.
    setTimeout(() => {
      send();
      setInterval(send, everyMs).unref();
    }, Math.random() * everyMs).unref();
  }

  private send(type: string, data: object): void {
    const timestamp = new Date().toISOString();
    const envelope = { type, id: type, agent_name: this.name, status: 'online', timestamp };
    this.socket.send(JSON.stringify({ ...envelope, data }));
  }
}
