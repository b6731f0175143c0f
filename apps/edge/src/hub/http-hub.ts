import { setTimeout as sleep } from 'node:timers/promises';
import { RivuletError } from '@rivulet/errors';
import {
  formatFrameRanges,
  FrameDecoder,
  formatPatience,
  FRAMES_CONTENT_TYPE,
  parseSyncResponse,
  PREFER_HEADER,
  type Acknowledgement,
  type Frame,
  type FrameRange,
  type SyncRequest,
  type UnverifiedSyncResponse,
} from '@rivulet/protocol';
import { authenticatedCall } from './authenticated-call';
import type { CallAuthentication } from './call-authentication';
import type { CentralConnection } from './central-connection';
import { CentralHttp, type CentralAnswer } from './central-http';
import type { Hub, HubCall } from './hub';
import { IdleTimeout, type AnswerPace } from './transfer/idle-timeout';
import { PLAN_MAX_BYTES, refuseOtherContent } from './transfer/read-json';

export interface HubTimeouts {
  /** Until the next bytes of the answer to a request arrive. Central says in time that it is still being made. */
  requestTimeoutMs: number;
  /** Until the next bytes of a payload, or of the receipt for an acknowledgement, arrive. */
  idleTimeoutMs: number;
  /** How long central may say that an answer is being made. */
  makingTimeoutMs?: number;
  pace?: AnswerPace;
}

export interface HttpHubSettings extends HubTimeouts {
  centralUrl: string;
  connection?: CentralConnection | undefined;
  /** Shows central who calls. */
  authentication: CallAuthentication;
  /** The largest row that is accepted. */
  maxRowBytes?: number;
  /** Gets the size of each piece of a payload as it arrives. */
  onReceived?: (bytes: number) => void;
}

/** Longer than a statement of central's may take by default. */
const MAKING_TIMEOUT_MS = 30 * 60_000;

/** Not more often, even if central says at once that the answer is being made. */
const ASK_AGAIN_MS = 1_000;

/** Central over HTTP. It does not retry. */
export class HttpHub implements Hub {
  private readonly central: CentralHttp;

  constructor(private readonly settings: HttpHubSettings) {
    this.central = new CentralHttp(settings.centralUrl, settings.pace, settings.connection);
  }

  async request(request: SyncRequest, call: HubCall): Promise<UnverifiedSyncResponse> {
    const { requestTimeoutMs, makingTimeoutMs = MAKING_TIMEOUT_MS } = this.settings;
    const patience = { [PREFER_HEADER]: formatPatience(Math.max(1, Math.floor(requestTimeoutMs / 3_000))) };
    const deadline = performance.now() + makingTimeoutMs;
    for (;;) {
      const askedAt = performance.now();
      const answer = await this.post('device-sync/request', request, call, requestTimeoutMs, patience);
      if (answer.status !== 202) return parseSyncResponse(answer.body);
      if (performance.now() > deadline) throw this.takesTooLong(makingTimeoutMs);
      const waitMs = Math.max(0, askedAt + ASK_AGAIN_MS - performance.now());
      await sleep(waitMs, undefined, { signal: call.signal });
    }
  }

  async acknowledge(acknowledgement: Acknowledgement, call: HubCall): Promise<void> {
    const { authentication, idleTimeoutMs } = this.settings;
    const statement = await authentication.signReport(acknowledgement);
    const body = statement === undefined ? acknowledgement : { ...acknowledgement, statement };
    const { body: receipt } = await this.post('device-sync/acknowledgements', body, call, idleTimeoutMs);
    refuseOtherReceipt(receipt, acknowledgement);
  }

  async *frames(manifestId: string, ranges: FrameRange[], call: HubCall): AsyncGenerator<Frame[], void> {
    const path = `device-sync/manifests/${manifestId}/payload?frames=${formatFrameRanges(ranges)}`;
    const idle = new IdleTimeout(this.settings.idleTimeoutMs, this.settings.pace);
    const signal = AbortSignal.any([call.signal, idle.signal]);
    const decoder = new FrameDecoder(this.settings.maxRowBytes);
    try {
      const response = await this.authenticated(call, (headers) =>
        this.central.send({ method: 'GET', path, headers, signal }),
      );
      await refuseOtherContent(response, FRAMES_CONTENT_TYPE);
      for await (const bytes of response.body ?? []) {
        idle.arrived(bytes.byteLength);
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

  private async post(
    path: string,
    body: object,
    call: HubCall,
    timeoutMs: number,
    more: Record<string, string> = {},
  ): Promise<CentralAnswer> {
    return this.authenticated(call, (headers) =>
      this.central.answer(
        { method: 'POST', path, headers: { ...headers, ...more }, body },
        timeoutMs,
        call.signal,
        PLAN_MAX_BYTES,
      ),
    );
  }

  private takesTooLong(makingTimeoutMs: number): RivuletError {
    return new RivuletError(
      'CENTRAL_UNREACHABLE',
      `Central at ${this.settings.centralUrl} has been making an answer for ${makingTimeoutMs / 60_000} minutes.`,
      { nextStep: "Look at central's log for what it reads; the next cycle asks again." },
    );
  }

  private async authenticated<T>(
    { cycleId, signal }: HubCall,
    work: (headers: Record<string, string>) => Promise<T>,
  ): Promise<T> {
    return authenticatedCall(this.settings.authentication, signal, (headers) =>
      work({ ...headers, 'x-request-id': cycleId }),
    );
  }
}

/** Whoever swallows reports could otherwise have them forgotten with any answer. */
function refuseOtherReceipt(receipt: unknown, { manifestId, status }: Acknowledgement): void {
  const said = (receipt ?? {}) as Record<string, unknown>;
  // Central keeps `applied`, whatever is reported later.
  if (said['manifestId'] === manifestId && (said['status'] === status || said['status'] === 'applied'))
    return;
  throw new RivuletError(
    'CENTRAL_RESPONSE_INVALID',
    `Central's receipt is not for the report on ${manifestId}.`,
  );
}
