import type { networkInterfaces } from 'node:os';
import { findMacAddress } from './mac-address';

type Interfaces = ReturnType<typeof networkInterfaces>;

function interfaces(macs: Record<string, string>): Interfaces {
  return Object.fromEntries(
    Object.entries(macs).map(([name, mac]) => [name, [{ mac }]]),
  ) as unknown as Interfaces;
}

const zero = '00:00:00:00:00:00';

describe('the MAC address of this device', () => {
  it('is the configured one, in the one form', () => {
    expect(findMacAddress('48-B0-2D-E9-C3-B7', 'eth0', interfaces({}))).toBe('48:b0:2d:e9:c3:b7');
  });

  it('is not a configured one that names no single device', () => {
    expect(() => findMacAddress('ff:ff:ff:ff:ff:ff', undefined, interfaces({}))).toThrow(
      expect.objectContaining({ code: 'MAC_ADDRESS_INVALID' }),
    );
  });

  it('is that of the named interface, of whatever kind', () => {
    const known = interfaces({ eth0: '48:b0:2d:e9:c3:b7', docker0: '02:42:ac:11:00:02' });

    expect(findMacAddress(undefined, 'docker0', known)).toBe('02:42:ac:11:00:02');
  });

  it.each([
    [{ lo: zero, wlan0: '48:b0:2d:00:00:02', eth0: '48:b0:2d:00:00:01', docker0: '02:42:ac:11:00:02' }],
    [{ veth12: 'a2:42:ac:11:00:02', usb0: '48:b0:2d:00:00:03', eth0: '48:b0:2d:00:00:01' }],
    // Overlays of containers, which have the same address everywhere.
    [{ cali1: 'ee:ee:ee:ee:ee:ee', cni0: '8a:42:ac:11:00:02', eth0: '48:b0:2d:00:00:01' }],
    [{ can0: zero, eth0: '48:b0:2d:00:00:01' }],
  ])('is otherwise that of the first interface that is hardware: %p', (macs) => {
    expect(findMacAddress(undefined, undefined, interfaces(macs))).toBe('48:b0:2d:00:00:01');
  });

  it('is one that software gave, where hardware has none, as in a virtual machine', () => {
    const known = interfaces({ lo: zero, ens3: '52:54:00:00:00:01', ens4: '52:54:00:00:00:02' });

    expect(findMacAddress(undefined, undefined, known)).toBe('52:54:00:00:00:01');
  });

  it.each([
    [undefined, /No hardware network interface .*interfaces: lo, docker0/],
    ['eth7', /The network interface eth7 does not exist .*interfaces: lo, docker0/],
    ['lo', /The network interface lo .* has no MAC address/],
  ])('has to be configured where there is none (interface %s)', (name, message) => {
    const known = interfaces({ lo: zero, docker0: '02:42:ac:11:00:02' });

    expect(() => findMacAddress(undefined, name, known)).toThrow(
      expect.objectContaining({
        code: 'ENVIRONMENT_INVALID',
        message: expect.stringMatching(message) as string,
        nextStep: expect.stringContaining('EDGE_MAC_ADDRESS') as string,
      }),
    );
  });
});
