import * as fc from 'fast-check';
import { refusalOf } from '../../test/refusal';
import { normaliseMacAddress } from './mac-address';

const NORMAL = '48:b0:2d:e9:c3:b7';

describe('a MAC address', () => {
  it.each([
    '48:b0:2d:e9:c3:b7',
    '48:B0:2D:E9:C3:B7',
    '48-b0-2d-e9-c3-b7',
    '48-B0-2d-E9-c3-B7',
    '48b0.2de9.c3b7',
    '48b02d-e9c3b7',
    '48b02de9c3b7',
    '48B02DE9C3B7',
    '  48:b0:2d:e9:c3:b7\n',
  ])('is read from %j', (text) => {
    expect(normaliseMacAddress(text)).toBe(NORMAL);
  });

  it('stays as it is in its normal form', () => {
    // The lowest bit of the first byte marks a group.
    const bytes = fc.tuple(
      fc.nat({ max: 127 }).map((byte) => 2 * byte),
      ...Array.from({ length: 5 }, () => fc.integer({ min: 1, max: 255 })),
    );
    fc.assert(
      fc.property(bytes, (address) => {
        const text = address.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
        expect(normaliseMacAddress(text)).toBe(text);
        expect(normaliseMacAddress(text.toUpperCase().replaceAll(':', ''))).toBe(text);
      }),
    );
  });

  it.each([
    ['zero', '00:00:00:00:00:00'],
    ['broadcast', 'ff:ff:ff:ff:ff:ff'],
    ['IPv4 multicast', '01:00:5e:00:00:fb'],
    ['IPv6 multicast', '3333.0000.0001'],
  ])('is refused when it names no single device: %s', (_, text) => {
    const error = refusalOf(() => normaliseMacAddress(text));
    expect(error.code).toBe('MAC_ADDRESS_INVALID');
    expect(error.message).toContain('single device');
  });

  it.each([
    '',
    ' ',
    '48:b0:2d:e9:c3',
    '48:b0:2d:e9:c3:b7:00',
    '48:b0:2d:e9:c3:b',
    '48:b0:2d:e9:c3:g7',
    '48:b0-2d:e9-c3:b7',
    '48:b02d:e9c3:b7',
    '48 b0 2d e9 c3 b7',
    '48.b0.2d.e9.c3.b7',
    '4:8b:02:de:9c:3b7',
    '48b02de9c3b7ff',
    '0x48b02de9c3b7',
    '48:b0:2d:ff:fe:e9:c3:b7',
    '48:b0:2d:e9:c3:b7\0',
    '48:b0:2d:e9:c3:b7, 48:b0:2d:e9:c3:b7',
    '４８:b0:2d:e9:c3:b7',
    "48:b0:2d:e9:c3:b7' OR true --",
  ])('is refused when it is %j', (text) => {
    expect(refusalOf(() => normaliseMacAddress(text)).code).toBe('MAC_ADDRESS_INVALID');
  });

  it('is refused with another kind of error by no text whatever', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(refusalOf(() => normaliseMacAddress(text)).code).toBe('MAC_ADDRESS_INVALID');
      }),
    );
  });

  it('is quoted in part when it is long', () => {
    const { message } = refusalOf(() => normaliseMacAddress(`48:b0:${'2d:'.repeat(100_000)}`));
    expect(message.length).toBeLessThan(100);
    expect(message).toContain('"48:b0:2d:');
  });
});
