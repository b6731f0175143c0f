import { Injectable } from '@nestjs/common';

type ProvedListener = (deviceId: string) => void;

/** Tells features above what devices have reported. */
@Injectable()
export class SyncOutcomes {
  private readonly listeners: ProvedListener[] = [];

  /** Called when a device has proved a manifest, for the first time. Must not throw. */
  onProved(listener: ProvedListener): void {
    this.listeners.push(listener);
  }

  proved(deviceId: string): void {
    for (const listener of this.listeners) listener(deviceId);
  }
}
