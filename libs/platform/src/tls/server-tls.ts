import { X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { Server as HttpsServer } from 'node:https';
import {
  createSecureContext,
  type SecureContextOptions,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import { RivuletError } from '@rivulet/errors';

/** Paths of PEM files, and the variables that named them. */
export interface TlsFiles {
  cert: TlsFile;
  key: TlsFile;
  /** Who may have issued client certificates; with it each connection is asked for one. */
  clientCa?: TlsFile;
  /** Which of these have been revoked. */
  clientCrl?: TlsFile;
}

export interface TlsFile {
  variable: string;
  path: string | undefined;
}

const GENERATION = Symbol('generation');
type JudgedSocket = TLSSocket & { [GENERATION]?: number };

type Contents = Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'crl'>;

const WATCH_INTERVAL_MS = 5_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * The certificate of an app's servers, and whose client certificates they accept. Files that are renewed take effect
 * without a restart; files that are not valid leave the former ones in force.
 */
export class ServerTls {
  private readonly servers = new Set<Server>();
  private reloads = 0;

  private constructor(
    private readonly paths: TlsFiles,
    private contents: Contents | undefined,
  ) {}

  /** @throws RivuletError ENVIRONMENT_INVALID */
  static open(paths: TlsFiles): ServerTls {
    const { cert, key } = paths;
    if (cert.path === undefined && key.path === undefined) return new ServerTls(paths, undefined);
    if (cert.path === undefined || key.path === undefined)
      throw invalid(`${cert.variable} and ${key.variable} belong together, and one is missing.`);
    return new ServerTls(paths, readAll(paths));
  }

  get isOn(): boolean {
    return this.contents !== undefined;
  }

  /** PEM. */
  get clientCa(): string {
    return String(this.contents?.ca ?? '');
  }

  /** When the certificate ends. */
  get expiresAt(): Date | undefined {
    const cert = this.contents?.cert as Buffer | undefined;
    return cert && new X509Certificate(cert).validToDate;
  }

  /** Client certificates are asked for and not insisted on: who has none shows a token. */
  get options(): TlsOptions {
    return {
      ...this.contents,
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      requestCert: this.paths.clientCa?.path !== undefined,
      rejectUnauthorized: false,
    };
  }

  /** Whether the files have been reloaded since a connection was made: its certificate was judged by others. */
  isOutdated(socket: JudgedSocket): boolean {
    return (socket[GENERATION] ?? this.reloads) < this.reloads;
  }

  /** The server has the files of every later reload. */
  follow(server: Server): void {
    this.servers.add(server);
    server.on('secureConnection', (socket: JudgedSocket) => (socket[GENERATION] = this.reloads));
    server.once('close', () => this.servers.delete(server));
  }

  /** @throws RivuletError ENVIRONMENT_INVALID; then nothing changes */
  reload(): void {
    if (this.contents === undefined) return;
    this.contents = readAll(this.paths);
    this.reloads++;
    for (const server of this.servers) {
      server.setSecureContext({ ...this.contents, minVersion: 'TLSv1.2' });
      // Who comes again over one of these would be judged by the former files once more.
      if (server instanceof HttpsServer) server.closeIdleConnections();
    }
  }

  /** Also sees files that are replaced by a link, as Kubernetes does. @returns what ends it */
  watch(onChange: () => void): () => void {
    const paths = this.isOn ? filesOf(this.paths).map(({ path }) => path) : [];
    for (const path of paths) watchFile(path, { interval: WATCH_INTERVAL_MS, persistent: false }, onChange);
    return () => {
      for (const path of paths) unwatchFile(path, onChange);
    };
  }
}

function filesOf({ cert, key, clientCa, clientCrl }: TlsFiles): { variable: string; path: string }[] {
  return [cert, key, clientCa, clientCrl].filter(
    (file): file is { variable: string; path: string } => file?.path !== undefined,
  );
}

function readAll(paths: TlsFiles): Contents {
  const { cert, key, clientCa, clientCrl } = paths;
  const contents: Contents = { cert: read(cert), key: read(key) };
  if (clientCa?.path !== undefined) contents.ca = read(clientCa);
  if (clientCrl?.path !== undefined) contents.crl = read(clientCrl);
  try {
    createSecureContext(contents);
    return contents;
  } catch (error) {
    const names = filesOf(paths).map(({ variable }) => variable);
    throw invalid(`${names.join(', ')} do not fit together (${(error as Error).message}).`, error);
  }
}

function read({ variable, path }: TlsFile): Buffer {
  try {
    return readFileSync(path!);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(`${variable} is ${path}, which cannot be read (${code}).`, error);
  }
}

function invalid(message: string, cause?: unknown): RivuletError {
  return new RivuletError('ENVIRONMENT_INVALID', message, { cause });
}
