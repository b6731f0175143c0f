import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  status: number;
  /** Head and body. */
  bytes: number;
  bodyBytes: number;
  body: string;
  /** Seconds, where the answer names some. */
  retryAfterSeconds: number | undefined;
}

const HEAD_END = '\r\n\r\n';

/**
 * HTTP/1.1 on one connection, a request after the other, for answers with a Content-Length. Little more than the
 * bytes: a client that costs as much as the server would measure itself.
 */
export class KeepAliveConnection {
  private received: Buffer = Buffer.alloc(0);
  private resolve: (answer: HttpAnswer) => void = () => undefined;
  private reject: (error: Error) => void = () => undefined;
  private socket: Socket | undefined;
  private isWaiting = false;

  private constructor(
    private readonly url: URL,
    private readonly localAddress: string | undefined,
  ) {}

  /** `localAddress`: where the connection comes from, as central takes but so many from one address. */
  static async open(url: URL, localAddress?: string): Promise<KeepAliveConnection> {
    const connection = new KeepAliveConnection(url, localAddress);
    await connection.connect();
    return connection;
  }

  /** On a new connection where central has closed this one, which it does when nothing was asked for a while. */
  async send(request: string): Promise<HttpAnswer> {
    const socket = this.socket ?? (await this.connect());
    this.isWaiting = true;
    socket.write(request);
    return new Promise<HttpAnswer>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  close(): void {
    this.socket?.destroy();
  }

  private async connect(): Promise<Socket> {
    const { hostname: host, port } = this.url;
    const socket = connect({ host, port: Number(port), localAddress: this.localAddress, noDelay: true });
    await once(socket, 'connect');
    this.socket = socket;
    this.received = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => this.receive(bytes));
    socket.on('error', (error) => this.reject(error));
    const forget = (): void => {
      if (this.socket === socket) this.socket = undefined;
    };
    socket.on('end', forget);
    socket.on('close', () => {
      forget();
      this.reject(new Error('Central closed the connection.'));
    });
    return socket;
  }

  private receive(bytes: Buffer): void {
    // Central says why it closes a connection on which nothing has come.
    if (!this.isWaiting) return;
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    const headEnd = this.received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const head = this.received.toString('latin1', 0, headEnd);
    const isEmpty = head.startsWith('304', 9);
    const bodyBytes = isEmpty ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(bodyBytes)) {
      this.reject(new Error(`An answer has no Content-Length:\n${head}`));
      return;
    }
    const length = headEnd + HEAD_END.length + bodyBytes;
    if (this.received.length < length) return;
    const body = this.received.toString('utf8', length - bodyBytes, length);
    this.received = this.received.subarray(length);
    this.isWaiting = false;
    const retryAfter = /\r\nretry-after: *(\d+)/i.exec(head)?.[1];
    this.resolve({
      status: Number(head.slice(9, 12)),
      bytes: length,
      bodyBytes,
      body,
      retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
    });
  }
}
