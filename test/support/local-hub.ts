import {
  FrameDecoder,
  formatFrameRanges,
  parseSyncResponse,
  type Acknowledgement,
  type Frame,
  type FrameRange,
  type SyncRequest,
  type UnverifiedSyncResponse,
} from '@rivulet/protocol';
import { ulid } from 'ulid';
import type { CentralServices } from '../../apps/central/test/central-services';
import type { Hub } from '../../apps/edge/src/hub/hub';

/** The real central without HTTP between: what is sent is what would be on the wire. */
export class LocalHub implements Hub {
  /** Bytes of the frames that were fetched last. */
  payloadBytes = 0;
  /** What the last plan said of each table. */
  actions: string[] = [];

  constructor(
    private readonly central: CentralServices,
    private readonly macAddress: string,
  ) {}

  async request(request: SyncRequest): Promise<UnverifiedSyncResponse> {
    this.payloadBytes = 0;
    this.actions = [];
    const known = await this.central.scopes.find(this.macAddress);
    const response = await this.central.requests.answer(ulid(), known, request);
    if (response.status === 'update') this.actions = response.plan.tables.map(({ action }) => action);
    return parseSyncResponse(JSON.parse(JSON.stringify(response)));
  }

  async *frames(manifestId: string, ranges: FrameRange[]): AsyncGenerator<Frame[], void> {
    const { scope } = await this.central.scopes.find(this.macAddress);
    const decoder = new FrameDecoder();
    for await (const bytes of await this.central.payloads.open(
      manifestId,
      scope,
      formatFrameRanges(ranges),
    )) {
      this.payloadBytes += bytes.length;
      yield decoder.push(bytes).filter(({ header }) => header.kind !== 'end');
    }
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<void> {
    const { scope } = await this.central.scopes.find(this.macAddress);
    await this.central.acknowledgements.record(scope, acknowledgement);
  }
}

/** A central that has forgotten all that devices hold: it can only name the chunks. */
export class ForgetfulHub extends LocalHub {
  override async request(request: SyncRequest): Promise<UnverifiedSyncResponse> {
    const tables = request.tables.map((table) => ({ ...table, checksum: '0'.repeat(64) }));
    return super.request({ ...request, tables });
  }
}
