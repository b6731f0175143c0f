import { RivuletError, type ErrorCode } from '@rivulet/errors';
import { DEVICE_MAC_HEADER, type Acknowledgement } from '@rivulet/protocol';

export interface RotatedKey {
  deviceId: string;
  /** Thumbprint of the key that the device has now. */
  keyThumbprint: string;
  /** Thumbprint of the key that it had. */
  replacedThumbprint: string;
}

/** How calls show central which device makes them. */
export interface CallAuthentication {
  headers(signal: AbortSignal): Promise<Record<string, string>>;

  /** Told with which code central refused a call. @returns whether the next headers may do better */
  renew(code: ErrorCode): boolean;

  /** The device's signed report; undefined where it has no key. */
  signReport(report: Acknowledgement): Promise<string | undefined>;
  /** Replaces the key of this device. @throws RivuletError EDGE_KEY_FIXED, and what central answers */
  rotateKey(signal: AbortSignal): Promise<RotatedKey>;
}

/** Injection token of the {@link CallAuthentication}. */
export const CALL_AUTHENTICATION = Symbol('CALL_AUTHENTICATION');

/** The client certificate of each connection, and nothing besides. */
export class CertificateAuthentication implements CallAuthentication {
  async headers(): Promise<Record<string, string>> {
    return {};
  }

  renew(): boolean {
    return false;
  }

  async signReport(): Promise<undefined> {
    return undefined;
  }

  async rotateKey(): Promise<never> {
    throw new RivuletError('EDGE_KEY_FIXED', 'This edge has no key: it is known by its certificate.');
  }
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

  async rotateKey(): Promise<never> {
    throw new RivuletError('EDGE_KEY_FIXED', 'This edge has no key: it is known by its MAC address alone.');
  }
}
