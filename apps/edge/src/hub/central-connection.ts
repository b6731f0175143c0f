import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { Logger } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { Agent } from 'undici';
import type { HubEnv } from './hub.env';

type TlsContents = Pick<SecureContextOptions, 'ca' | 'crl' | 'cert' | 'key'>;
type TlsPaths = Partial<Record<keyof TlsContents, string>>;

const VARIABLES: Record<keyof TlsContents, string> = {
  ca: 'EDGE_CENTRAL_CA_FILE',
  crl: 'EDGE_CENTRAL_CRL_FILE',
  cert: 'EDGE_TLS_CERT_FILE',
  key: 'EDGE_TLS_KEY_FILE',
};
/** Injection token of the {@link CentralConnection}; undefined where there is none. */
export const CENTRAL_CONNECTION = Symbol('CENTRAL_CONNECTION');

const CHECK_INTERVAL_MS = 5_000;

/** As Node names them: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const REFUSALS: Record<string, ErrorCode> = {
  CERT_HAS_EXPIRED: 'CENTRAL_CERTIFICATE_EXPIRED',
  CERT_NOT_YET_VALID: 'CENTRAL_CERTIFICATE_EXPIRED',
  CERT_REVOKED: 'CENTRAL_CERTIFICATE_REVOKED',
  CRL_HAS_EXPIRED: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  UNABLE_TO_GET_CRL: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  ERR_TLS_CERT_ALTNAME_INVALID: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  SELF_SIGNED_CERT_IN_CHAIN: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  CERT_SIGNATURE_FAILURE: 'CENTRAL_CERTIFICATE_UNTRUSTED',
  INVALID_PURPOSE: 'CENTRAL_CERTIFICATE_UNTRUSTED',
};

/** The authorities by which this edge knows central, and the certificate that it shows. Renewed files count as they come. */
export class CentralConnection {
  private readonly logger = new Logger('Hub');
  private checkedAtMs = performance.now();
  private stamp: string;
  private contents: TlsContents;
  private agent: Agent;

  private constructor(private readonly paths: TlsPaths) {
    this.stamp = stampOf(paths);
    this.contents = read(paths);
    this.agent = new Agent({ connect: this.contents });
  }

  /** Undefined where Node's own way of connecting does. @throws RivuletError ENVIRONMENT_INVALID */
  static open(env: HubEnv): CentralConnection | undefined {
    const { centralUrl, caFile, crlFile, certFile, keyFile } = env;
    if ((certFile === undefined) !== (keyFile === undefined))
      throw invalid('EDGE_TLS_CERT_FILE and EDGE_TLS_KEY_FILE belong together, and one is missing.');
    const given = { ca: caFile, crl: crlFile, cert: certFile, key: keyFile };
    const paths = Object.fromEntries(
      Object.entries(given).filter(([, path]) => path !== undefined),
    ) as TlsPaths;
    const [first] = Object.keys(paths) as (keyof TlsContents)[];
    if (first === undefined) return undefined;
    if (!centralUrl.toLowerCase().startsWith('https:'))
      throw invalid(`${VARIABLES[first]} is set, and EDGE_CENTRAL_URL is not https.`);
    return new CentralConnection(paths);
  }

  /** For fetch(). */
  get dispatcher(): Agent {
    this.refresh();
    return this.agent;
  }

  /** For a WebSocket, and for bytes. */
  get options(): TlsContents {
    this.refresh();
    return this.contents;
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  private refresh(): void {
    if (performance.now() - this.checkedAtMs < CHECK_INTERVAL_MS) return;
    this.checkedAtMs = performance.now();
    const stamp = stampOf(this.paths);
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    try {
      this.contents = read(this.paths);
    } catch (error) {
      const { code, message } = error as RivuletError;
      this.logger.warn(
        { code },
        `The TLS files were not reloaded, the former ones stay in force: ${message}`,
      );
      return;
    }
    const former = this.agent;
    this.agent = new Agent({ connect: this.contents });
    former.close().catch(() => undefined);
    this.logger.log('Reloaded the TLS files');
  }
}

/** The reason why a handshake rejected central's certificate; undefined where it failed for another reason. */
export function certificateRefusal(code: string | undefined): ErrorCode | undefined {
  return REFUSALS[code ?? ''];
}

function stampOf(paths: TlsPaths): string {
  return Object.values(paths)
    .map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
    .join(' ');
}

function read(paths: TlsPaths): TlsContents {
  const contents: TlsContents = {};
  for (const [name, path] of Object.entries(paths) as [keyof TlsContents, string][]) {
    try {
      contents[name] = readFileSync(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw invalid(`${VARIABLES[name]} is ${path}, which cannot be read (${code}).`, error);
    }
  }
  try {
    createSecureContext(contents);
    return contents;
  } catch (error) {
    const names = (Object.keys(paths) as (keyof TlsContents)[]).map((name) => VARIABLES[name]).join(', ');
    throw invalid(`${names} cannot be used (${(error as Error).message}).`, error);
  }
}

function invalid(message: string, cause?: unknown): RivuletError {
  return new RivuletError('ENVIRONMENT_INVALID', message, { cause });
}
