import { networkInterfaces } from 'node:os';
import { RivuletError } from '@rivulet/errors';
import { normaliseMacAddress } from '@rivulet/protocol';

/** Names of software interfaces, whose addresses change or repeat. */
const virtualInterface = /^(lo|docker|br-|veth|virbr|tun|tap|wg|zt|dummy|l4tbr|rndis|usb)/;

/**
 * The MAC address by which central knows this device: the configured address, else the address of the named network
 * interface, else the address of the first hardware interface.
 *
 * @throws RivuletError MAC_ADDRESS_INVALID · ENVIRONMENT_INVALID when no address is found
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
      ? `No hardware network interface with a MAC address was found (interfaces: ${known}).`
      : `The network interface ${interfaceName} does not exist or has no MAC address (interfaces: ${known}).`,
    { nextStep: 'Set EDGE_MAC_ADDRESS, or EDGE_NETWORK_INTERFACE to the name of an interface.' },
  );
}

/** Sorted: the choice must not depend on the order in which drivers were loaded. */
function hardwareInterfaces(interfaces: ReturnType<typeof networkInterfaces>): string[] {
  const names = Object.keys(interfaces)
    .filter((name) => !virtualInterface.test(name))
    .toSorted();
  const isBurntIn = (name: string): boolean => isUniversal(interfaces[name]?.[0]?.mac ?? '');
  return [...names.filter(isBurntIn), ...names.filter((name) => !isBurntIn(name))];
}

/**
 * Whether a manufacturer assigned the address (IEEE 802: the second lowest bit of the first byte is 0). Bridges and
 * overlays of containers have arbitrary names, and the same software-made address on many devices.
 */
function isUniversal(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) === 0 && mac !== '00:00:00:00:00:00';
}

/** Injection token of this device's MAC address. */
export const MAC_ADDRESS = Symbol('MAC_ADDRESS');
