import { counted, formatBytes, formatCount, formatFigure, formatSeconds } from './formats';

describe('formats', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1_000, '1.0 kB'],
    [48_320, '48.3 kB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [1.9e9, '1.9 GB'],
    [5e15, '5000.0 TB'],
  ])('write %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0.004, '0.00 s'],
    [0.42, '0.42 s'],
    [3.14, '3.1 s'],
    [48.4, '48 s'],
    [59.6, '1 min 0 s'],
    [200, '3 min 20 s'],
  ])('write %d seconds as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('write counts whole and figures with three decimals, both with commas', () => {
    expect([formatCount(1_032), formatCount(1_234.5)]).toEqual(['1,032', '1,235']);
    expect([formatFigure(1_032), formatFigure(0.0421)]).toEqual(['1,032', '0.042']);
  });

  it('write one thing without the plural', () => {
    expect([counted(0, 'row'), counted(1, 'row'), counted(2_000, 'row')]).toEqual([
      '0 rows',
      '1 row',
      '2,000 rows',
    ]);
  });
});
