import { randomBytes } from 'node:crypto';
import { Logger, type FactoryProvider } from '@nestjs/common';
import type { TransactionOptions } from '@rivulet/postgres';
import { monotonicFactory } from 'ulid';
import { HUB_RETRIES } from '../hub/call-limits';
import { CentralTrust } from '../hub/central-trust';
import { HUB, type Hub } from '../hub/hub';
import { HubEnv } from '../hub/hub.env';
import type { RetrySettings } from '../hub/transfer/retry';
import { DeviceIdentity } from '../identity/device-identity';
import { MAC_ADDRESS } from '../identity/mac-address';
import { MirrorsEnv } from '../mirrors/mirrors.env';
import { MIRROR_LIMITS } from '../mirrors/mirrors.module';
import { SpoolFile } from '../spool/spool-file';
import { SyncState } from '../state/sync-state';
import { AnswerRefusals } from './answer-refusals';
import type { SyncCycleDependencies } from './cycle/cycle-context';
import { SyncCycle } from './cycle/sync-cycle';
import { namingErrors } from './naming-errors';

/** The cycle, with the clock, the ids and the logger of this app. */
export const cycleProvider: FactoryProvider<SyncCycle> = {
  provide: SyncCycle,
  inject: [
    HUB,
    HUB_RETRIES,
    SyncState,
    SpoolFile,
    MAC_ADDRESS,
    HubEnv,
    MirrorsEnv,
    MIRROR_LIMITS,
    CentralTrust,
    AnswerRefusals,
    { token: DeviceIdentity, optional: true },
  ],
  useFactory: (
    hub: Hub,
    retry: RetrySettings,
    state: SyncState,
    spool: SpoolFile,
    macAddress: string,
    { centralKey }: HubEnv,
    { applyMode, verify }: MirrorsEnv,
    applyLimits: TransactionOptions,
    trust: CentralTrust,
    refusals: AnswerRefusals,
    identity: DeviceIdentity | undefined,
  ) => {
    const pinnedKey = (): string | undefined => trust.current(centralKey ?? identity?.enrolment?.centralKey);
    const followKey: SyncCycleDependencies['followKey'] = (trusted, signedBy, signal) =>
      trust.follow(trusted, signedBy, signal, identity?.enrolment?.centralId);
    const given = {
      hub,
      retry,
      state,
      spool,
      macAddress,
      pinnedKey,
      followKey,
      applyMode,
      verify,
      applyLimits,
    };
    return new SyncCycle({ ...given, ...surroundings(refusals) });
  },
};

function surroundings(
  refusals: AnswerRefusals,
): Pick<SyncCycleDependencies, 'now' | 'newId' | 'newNonce' | 'nameError' | 'onWarning'> {
  const logger = new Logger('Sync');
  return {
    now: () => new Date(),
    newId: monotonicFactory(),
    newNonce: () => randomBytes(18).toString('base64url'),
    nameError: namingErrors(logger, 'The sync failed with an unknown error'),
    onWarning: (message, error, cycleId) => {
      const { code, message: reason } = error;
      refusals.note(error, cycleId);
      logger.warn({ code, cycleId }, `${message}: ${reason}`);
    },
  };
}
