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
import type { CentralServices } from '../../../apps/central/test/central-services';
import type { Device } from '../../../apps/central/src/devices/device';
import type { Hub } from '../../../apps/edge/src/hub/hub';

/** The real central without HTTP between: what is sent is what would be on the wire. */
export class LocalHub implements Hub {
  /** Bytes of the frames that were fetched last. */
  payloadBytes = 0;
  /** What the last plan said of each table. */
  actions: string[] = [];

  /** Who is asking, as central's guard would have it. */
  device: Device;

  constructor(
    private readonly central: CentralServices,
    macAddress: string,
  ) {
    this.device = { macAddress };
  }

  async request(request: SyncRequest): Promise<UnverifiedSyncResponse> {
    this.payloadBytes = 0;
    this.actions = [];
    const response = await this.central.requests.answer(ulid(), this.device, request);
    if (response.status === 'update') this.actions = response.plan.tables.map(({ action }) => action);
    return parseSyncResponse(JSON.parse(JSON.stringify(response)));
  }

  async *frames(manifestId: string, ranges: FrameRange[]): AsyncGenerator<Frame[], void> {
    const decoder = new FrameDecoder();
    for await (const bytes of await this.central.payloads.open(
      manifestId,
      this.device,
      formatFrameRanges(ranges),
      'zstd',
    )) {
      this.payloadBytes += bytes.length;
      yield decoder.push(bytes).filter(({ header }) => header.kind !== 'end');
    }
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<void> {
    await this.central.acknowledgements.record(this.device, acknowledgement);
  }
}

/** A central that has forgotten all that devices hold: it can only name the chunks. */
export class ForgetfulHub extends LocalHub {
  override async request(request: SyncRequest): Promise<UnverifiedSyncResponse> {
    const tables = request.tables.map((table) => ({ ...table, checksum: '0'.repeat(64) }));
    return super.request({ ...request, tables });
  }
}
