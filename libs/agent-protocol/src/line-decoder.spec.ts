import fc from 'fast-check';
import { LineDecoder } from './index';

const linesOf = (decoder: LineDecoder, ...pieces: (string | Uint8Array)[]): string[] =>
  pieces.flatMap((piece) => [...decoder.push(typeof piece === 'string' ? Buffer.from(piece) : piece)]);

it('gives the same lines however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => `x${text.replaceAll(/\s/g, '')}`),
      ),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const decoder = new LineDecoder();
        const seen: string[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = sizes.next().value as number;
          seen.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(seen).toEqual(lines);
      },
    ),
  );
});

it('skips empty lines, and takes a carriage return before the line feed away', () => {
  expect(linesOf(new LineDecoder(), '\n\r\na\r\n', '\n', 'b\nc')).toEqual(['a', 'b']);
});

it('refuses a stream of nothing but empty lines', () => {
  const decoder = new LineDecoder();
  for (let round = 0; round < 5; round++) expect(linesOf(decoder, '\n'.repeat(1_000), 'a\n')).toEqual(['a']);
  expect(() => linesOf(decoder, '\n'.repeat(600), '\r\n'.repeat(401))).toThrow(
    'More than 1000 lines are empty.',
  );
});

it('holds an unfinished line until it ends', () => {
  const decoder = new LineDecoder();
  expect(linesOf(decoder, 'ab', 'c')).toEqual([]);
  expect(linesOf(decoder, 'd\ne', '\n')).toEqual(['abcd', 'e']);
});

it.each([
  ['in one piece', ['x'.repeat(11)]],
  ['in small pieces', ['xxxx', 'xxxx', 'xxxx']],
  ['with its end', [`${'x'.repeat(11)}\n`]],
])('refuses a line that is too long, %s', (_, pieces) => {
  expect(() => linesOf(new LineDecoder(10), ...pieces)).toThrow('A message has more than 10 bytes.');
});

it('takes a line of just the allowed length', () => {
  expect(linesOf(new LineDecoder(10), 'x'.repeat(10), '\n')).toEqual(['x'.repeat(10)]);
});

it('refuses bytes that are not UTF-8', () => {
  expect(() => linesOf(new LineDecoder(), Buffer.from([0xff, 0x0a]))).toThrow('A message is not UTF-8.');
});
