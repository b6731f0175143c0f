import { RivuletError } from '@rivulet/errors';

const notations = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/,
  /^[0-9a-f]{6}-[0-9a-f]{6}$/,
  /^[0-9a-f]{12}$/,
];

/**
 * Reads a 48-bit MAC address in any usual notation (colons, hyphens, Cisco dots, two halves, bare) and returns it as
 * lower-case pairs with colons, the only form that is stored or compared.
 *
 * @throws RivuletError MAC_ADDRESS_INVALID; also for zero and group addresses (broadcast, multicast), which do not
 *   identify a single device
 */
export function normaliseMacAddress(text: string): string {
  const candidate = text.trim().toLowerCase();
  if (!notations.some((notation) => notation.test(candidate))) {
    throw new RivuletError('MAC_ADDRESS_INVALID', `${quoteShort(text)} is not a MAC address.`);
  }
  const digits = candidate.replace(/[^0-9a-f]/g, '');
  const isGroupAddress = (Number.parseInt(digits.slice(0, 2), 16) & 1) === 1;
  if (isGroupAddress || /^0+$/.test(digits)) {
    throw new RivuletError(
      'MAC_ADDRESS_INVALID',
      `${quoteShort(text)} is not the address of a single device.`,
    );
  }
  return digits.match(/../g)!.join(':');
}

function quoteShort(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
