import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { normaliseMacAddress } from '@rivulet/protocol';
import { MAC_ADDRESS } from '../identity/mac-address';
import { refuseOtherDevice } from '../state/refuse-other-device';
import { SyncState } from '../state/sync-state';
import { SyncEnv } from './sync.env';

/** Refuses to start on the database of another device, unless this device is the other under a new address. */
@Injectable()
export class DatabaseOwner implements OnModuleInit {
  private readonly logger = new Logger('Sync');

  constructor(
    private readonly state: SyncState,
    private readonly env: SyncEnv,
    @Inject(MAC_ADDRESS) private readonly macAddress: string,
  ) {}

  async onModuleInit(): Promise<void> {
    const { formerMacAddress } = this.env;
    if (formerMacAddress !== undefined) await this.takeOver(normaliseMacAddress(formerMacAddress));
    refuseOtherDevice(await this.state.read(), this.macAddress);
  }

  private async takeOver(formerMacAddress: string): Promise<void> {
    if (!(await this.state.handOver(formerMacAddress, this.macAddress))) return;
    this.logger.warn(
      `The database of the device ${formerMacAddress} is that of ${this.macAddress} from now on. ` +
        'EDGE_FORMER_MAC_ADDRESS is not needed any more.',
    );
  }
}
