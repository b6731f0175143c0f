import { Injectable } from '@nestjs/common';
import type { KnownScope } from '../source/scope/scope.service';

/** The outcome of a sync, as central knows it. */
export type SyncOutcome =
  /** `asOf`: the scope for which it was, with the versions of then. */
  | { kind: 'issued'; manifestId: string; asOf?: KnownScope }
  /** `isFirst`: it had not been reported before. */
  | { kind: 'applied'; manifestId: string; isFirst: boolean }
  | { kind: 'current'; manifestId: string; asOf?: KnownScope }
  | { kind: 'failed'; code: string; table?: string };

type OutcomeListener = (deviceId: string, outcome: SyncOutcome) => void;

/** Tells features above what devices have asked and reported. */
@Injectable()
export class SyncOutcomes {
  private readonly listeners: OutcomeListener[] = [];

  /** @param listener - gets the registry's id of the device. Must not throw */
  listen(listener: OutcomeListener): void {
    this.listeners.push(listener);
  }

  /** @param deviceId - undefined of a device that is not in the registry yet */
  tell(deviceId: string | undefined, outcome: SyncOutcome): void {
    if (deviceId === undefined) return;
    for (const listener of this.listeners) listener(deviceId, outcome);
  }
}
