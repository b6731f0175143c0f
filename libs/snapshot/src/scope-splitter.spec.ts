import fc from 'fast-check';
import { ScopeSplitter } from './scope-splitter';

/** The rows by scope, read in pieces of these sizes. */
function split(text: string, sizes: number[]): [number, string][] {
  const splitter = new ScopeSplitter();
  const read: [number, string][] = [];
  let rest = Buffer.from(text);
  for (let turn = 0; rest.length > 0; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    // A copy: the splitter moves the content of what it is given.
    for (const { scope, bytes } of splitter.push(Buffer.from(rest.subarray(0, size)))) {
      const last = read.at(-1);
      if (last?.[0] === scope) last[1] += bytes.toString('latin1');
      else read.push([scope, bytes.toString('latin1')]);
    }
    rest = rest.subarray(size);
  }
  return read;
}

it('tells whose each row is, wherever the pieces end', () => {
  const rows = fc.array(
    fc.tuple(fc.nat(1_200), fc.array(fc.stringMatching(/^[\t-\t 0-9a-c]{0,12}$/), { minLength: 1 })),
    {
      maxLength: 12,
    },
  );
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(rows, sizes, (drawn, pieces) => {
      const scopes = new Map([...drawn].toSorted(([a], [b]) => a - b));
      const text = [...scopes]
        .flatMap(([scope, lines]) => lines.map((line) => `${scope}\t${line}\n`))
        .join('');
      const expected = [...scopes].map(([scope, lines]) => [
        scope,
        lines.map((line) => `${line}\n`).join(''),
      ]);
      expect(split(text, pieces)).toEqual(expected);
    }),
  );
});
