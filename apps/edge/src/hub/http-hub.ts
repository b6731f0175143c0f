import { RivuletError } from '@rivulet/errors';
import {
  formatFrameRanges,
  FrameDecoder,
  FRAMES_CONTENT_TYPE,
  parseSyncResponse,
  type Acknowledgement,
  type Frame,
  type FrameRange,
  type SyncRequest,
  type UnverifiedSyncResponse,
} from '@rivulet/protocol';
import type { CallAuthentication } from './call-authentication';
import { CentralHttp, refuseOtherContent } from './central-http';
import type { Hub, HubCall } from './hub';
import { IdleTimeout } from './idle-timeout';

export interface HubTimeouts {
  /** Until the answer to a request begins. */
  requestTimeoutMs: number;
  /** Until the next bytes of a payload arrive, and until an acknowledgement is confirmed. */
  idleTimeoutMs: number;
}

export interface HttpHubSettings extends HubTimeouts {
  centralUrl: string;
  /** Shows central who calls. */
  authentication: CallAuthentication;
  /** The largest row that is accepted. */
  maxRowBytes?: number;
  /** Gets the size of each piece of a payload as it arrives. */
  onReceived?: (bytes: number) => void;
}

/** Central over HTTP. It does not retry. */
export class HttpHub implements Hub {
  private readonly central: CentralHttp;

  constructor(private readonly settings: HttpHubSettings) {
    this.central = new CentralHttp(settings.centralUrl);
  }

  async request(request: SyncRequest, call: HubCall): Promise<UnverifiedSyncResponse> {
    return parseSyncResponse(
      await this.postJson('device-sync/request', request, call, this.settings.requestTimeoutMs),
    );
  }

  async acknowledge(acknowledgement: Acknowledgement, call: HubCall): Promise<void> {
    await this.postJson('device-sync/acknowledgements', acknowledgement, call, this.settings.idleTimeoutMs);
  }

  async *frames(manifestId: string, ranges: FrameRange[], call: HubCall): AsyncGenerator<Frame[], void> {
    const path = `device-sync/manifests/${manifestId}/payload?frames=${formatFrameRanges(ranges)}`;
    const idle = new IdleTimeout(this.settings.idleTimeoutMs);
    const signal = AbortSignal.any([call.signal, idle.signal]);
    const decoder = new FrameDecoder(this.settings.maxRowBytes);
    try {
      const response = await this.authenticated(call, (headers) =>
        this.central.send({ method: 'GET', path, headers, signal }),
      );
      await refuseOtherContent(response, FRAMES_CONTENT_TYPE);
      for await (const bytes of response.body ?? []) {
        idle.restart();
        this.settings.onReceived?.(bytes.byteLength);
        const frames = decoder.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        const end = frames.findIndex((frame) => frame.header.kind === 'end');
        const chunks = end === -1 ? frames : frames.slice(0, end);
        if (chunks.length > 0) yield chunks;
        if (end !== -1) return;
      }
    } catch (error) {
      throw this.central.explain(error, call.signal);
    } finally {
      idle.stop();
    }
    throw new RivuletError('CENTRAL_UNREACHABLE', 'Central ended the payload before its end frame.');
  }

  private async postJson(path: string, body: object, call: HubCall, timeoutMs: number): Promise<unknown> {
    return this.authenticated(call, (headers) =>
      this.central.json({ method: 'POST', path, headers, body }, timeoutMs, call.signal),
    );
  }

  /** Once more with a new proof, where central does not take the one that the device has. */
  private async authenticated<T>(
    { cycleId, signal }: HubCall,
    work: (headers: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    const { authentication } = this.settings;
    const call = async (): Promise<T> =>
      work({ ...(await authentication.headers(signal)), 'x-request-id': cycleId });
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RivuletError) || !authentication.renew(error.code)) throw error;
      return call();
    }
  }
}
