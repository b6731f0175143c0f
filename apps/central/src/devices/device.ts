export const deviceKinds = ['edge', 'agent'] as const;
export type DeviceKind = (typeof deviceKinds)[number];

/** A name that a person or an agent gives a device. */
export const deviceNamePattern = /^[^\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]{1,100}$/u;

export const deviceStatuses = ['pending', 'active', 'revoked', 'quarantined'] as const;

/**
 * `pending`: waits for an operator's approval · `revoked`: an operator ended it · `quarantined`: its key was seen with two
 * devices. Only an active device is served.
 */
export type DeviceStatus = (typeof deviceStatuses)[number];

/** The fields of a device that each of its requests needs. */
export interface KnownDevice {
  /** ULID. */
  deviceId: string;
  name: string;
  /** In its normal form. */
  macAddress: string | null;
  kind: DeviceKind;
  status: DeviceStatus;
  labels: Record<string, string>;
  /** Since when an operator wants it to get every row again. */
  resyncSince: Date | null;
  /** Thumbprints of the keys by which it may be known. */
  keys: string[];
  /** SHA-256 of its tokens, in hex. */
  tokens: string[];
}

/** A device that has been authenticated. Which rows it may have is not known of it. */
export interface Device {
  /** In its normal form. */
  macAddress: string;
  /** Undefined for one that is known by its MAC address alone and has not been served yet. */
  deviceId?: string | undefined;
  name?: string | undefined;
  resyncSince?: Date | null;
  /** Thumbprints of its keys; with one, its reports are signed. */
  keys?: string[];
  /** It has shown a certificate, with which nothing but the connection is signed. */
  byCertificate?: boolean;
}
