import { RivuletError } from '@rivulet/errors';
import { authenticatedCall } from './authenticated-call';
import type { CallAuthentication } from './call-authentication';
import type { CentralConnection } from './central-connection';
import { CentralHttp } from './central-http';
import { readJson } from './transfer/read-json';

/** Central's answer to a device that asked for its configuration. */
export interface SentConfiguration {
  /** A signed statement, not verified yet. */
  document: string;
  etag: string;
}

export interface ConfigurationReport {
  name: string;
  version: number;
  sequence: number;
  status: 'APPLYING' | 'APPLIED' | 'FAILED';
  reason?: string;
  in_force_version?: number;
  in_force_sha256?: string;
}

/** Configurations at central, over HTTP. It does not retry. */
export class ConfigurationCalls {
  private readonly central: CentralHttp;

  constructor(
    centralUrl: string,
    private readonly authentication: CallAuthentication,
    private readonly timeoutMs: number,
    connection?: CentralConnection,
  ) {
    this.central = new CentralHttp(centralUrl, undefined, connection);
  }

  /**
   * @param held - the tag of what the device has
   * @returns undefined where that is what it is to have
   * @throws RivuletError with central's own code, or CENTRAL_UNREACHABLE, CENTRAL_RESPONSE_INVALID
   */
  async fetch(
    name: string,
    held: string | undefined,
    signal: AbortSignal,
  ): Promise<SentConfiguration | undefined> {
    const path = `v1/config?name=${encodeURIComponent(name)}`;
    const tag: Record<string, string> = held === undefined ? {} : { 'if-none-match': held };
    const limited = AbortSignal.any([signal, AbortSignal.timeout(this.timeoutMs)]);
    try {
      return await authenticatedCall(this.authentication, limited, async (headers) => {
        const call = { method: 'GET', path, headers: { ...headers, ...tag }, signal: limited } as const;
        const response = await this.central.send(call);
        if (response.status === 304) {
          await response.body?.cancel();
          return undefined;
        }
        const { statement } = (await readJson(response)) as { statement?: unknown };
        const etag = response.headers.get('etag');
        if (typeof statement === 'string' && etag !== null) return { document: statement, etag };
        throw new RivuletError('CENTRAL_RESPONSE_INVALID', "Central's answer has no statement, or no ETag.");
      });
    } catch (error) {
      throw this.central.explain(error, signal);
    }
  }

  /** @throws RivuletError as fetch does */
  async report(report: ConfigurationReport, signal: AbortSignal): Promise<void> {
    await authenticatedCall(this.authentication, signal, (headers) =>
      this.central.json(
        { method: 'POST', path: 'v1/config/status', headers, body: report },
        this.timeoutMs,
        signal,
      ),
    );
  }
}
