import type { ErrorCode } from '@rivulet/errors';
import { DEVICE_MAC_HEADER, type Acknowledgement } from '@rivulet/protocol';

/** How calls show central which device makes them. */
export interface CallAuthentication {
  headers(signal: AbortSignal): Promise<Record<string, string>>;

  /** Told with which code central refused a call. @returns whether the next headers may do better */
  renew(code: ErrorCode): boolean;

  /** What this device reports, signed; undefined where it has no key. */
  signReport(report: Acknowledgement): Promise<string | undefined>;
}

/** The MAC address alone, for trials. */
export class MacAuthentication implements CallAuthentication {
  constructor(private readonly macAddress: string) {}

  async headers(): Promise<Record<string, string>> {
    return { [DEVICE_MAC_HEADER]: this.macAddress };
  }

  renew(): boolean {
    return false;
  }

  async signReport(): Promise<undefined> {
    return undefined;
  }
}
