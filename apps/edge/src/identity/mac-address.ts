import { networkInterfaces } from 'node:os';
import { RivuletError } from '@rivulet/errors';
import { normaliseMacAddress } from '@rivulet/protocol';

/** Names of interfaces that are made by software, and whose addresses change or repeat. */
const virtualInterface = /^(lo|docker|br-|veth|virbr|tun|tap|wg|zt|dummy|l4tbr|rndis|usb)/;

/**
 * The MAC address by which this device is known: the configured one, or that of the named network interface, or
 * that of the first interface that is a piece of hardware.
 *
 * @throws RivuletError MAC_ADDRESS_INVALID · ENVIRONMENT_INVALID when there is none
 */
export function findMacAddress(
  configured: string | undefined,
  interfaceName: string | undefined,
  interfaces = networkInterfaces(),
): string {
  if (configured !== undefined) return normaliseMacAddress(configured);
  const names = interfaceName === undefined ? hardwareInterfaces(interfaces) : [interfaceName];
  for (const name of names) {
    const address = interfaces[name]?.find(({ mac }) => mac !== '00:00:00:00:00:00')?.mac;
    if (address !== undefined) return normaliseMacAddress(address);
  }
  const known = Object.keys(interfaces).join(', ') || 'none';
  throw new RivuletError(
    'ENVIRONMENT_INVALID',
    interfaceName === undefined
      ? `No network interface with a MAC address of its own was found (there are: ${known}).`
      : `The network interface ${interfaceName} is not there or has no MAC address (there are: ${known}).`,
    { nextStep: 'Set EDGE_MAC_ADDRESS, or EDGE_NETWORK_INTERFACE to the name of an interface.' },
  );
}

/** Sorted, so that the choice does not depend on the order in which drivers were loaded. */
function hardwareInterfaces(interfaces: ReturnType<typeof networkInterfaces>): string[] {
  const names = Object.keys(interfaces)
    .filter((name) => !virtualInterface.test(name))
    .toSorted();
  const isBurntIn = (name: string): boolean => isUniversal(interfaces[name]?.[0]?.mac ?? '');
  return [...names.filter(isBurntIn), ...names.filter((name) => !isBurntIn(name))];
}

/**
 * Whether a maker gave out the address (IEEE 802, the second lowest bit of the first byte is 0), as opposed to some
 * software. Bridges and overlays of containers have names of every kind, and on many devices the same address.
 */
function isUniversal(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) === 0 && mac !== '00:00:00:00:00:00';
}

/** Injection token of the address that was found. */
export const MAC_ADDRESS = Symbol('MAC_ADDRESS');
