import type { ErrorDescription } from './error-description';

export const deviceErrors = {
  DEVICE_UNIDENTIFIED: {
    title: 'The device is not identified',
    meaning: 'A device route was called without the X-Device-Mac header.',
    nextStep: "Send the device's MAC address in the X-Device-Mac header.",
    transient: false,
  },
  MAC_ADDRESS_INVALID: {
    title: 'The MAC address is not valid',
    meaning: 'The value is not a 48-bit address of one device in any usual notation.',
    nextStep: 'Send it as 48:b0:2d:e9:c3:b7, 48-b0-2d-e9-c3-b7, 48b0.2de9.c3b7 or 48b02de9c3b7.',
    transient: false,
  },
  DEVICE_UNKNOWN: {
    title: 'The device is not known',
    meaning: "The datasets file's scope query finds no row for this MAC address.",
    nextStep: 'Register the device at central, or correct EDGE_MAC_ADDRESS on the device.',
    transient: false,
  },
  DEVICE_INACTIVE: {
    title: 'The device is not active',
    meaning: 'The scope query finds the device, with is_active = false.',
    nextStep: 'Activate the device at central.',
    transient: false,
  },
  PROTOCOL_UNSUPPORTED: {
    title: 'The protocol version is not supported',
    meaning: 'The device uses a protocol version that this central does not support.',
    nextStep: 'Update central and edge to versions that share a protocol version (docs/protocol.md).',
    transient: false,
  },
  MANIFEST_UNKNOWN: {
    title: 'There is no such manifest for this device',
    meaning: 'The manifest does not exist, or it belongs to another device.',
    nextStep: 'Request a new manifest with POST /api/device-sync/request.',
    transient: false,
  },
  MANIFEST_EXPIRED: {
    title: 'The manifest can no longer be served',
    meaning: 'Chunks that the manifest names are no longer stored.',
    nextStep: 'Request a new manifest with POST /api/device-sync/request.',
    transient: true,
  },
  FRAMES_INVALID: {
    title: 'The frame ranges are not valid',
    meaning: 'The `frames` parameter is malformed, out of order or outside the plan.',
    nextStep: 'Send ranges as first-last, in ascending order, separated by commas: 0-99,120-140.',
    transient: false,
  },
} as const satisfies Record<string, ErrorDescription>;
