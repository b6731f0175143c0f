import * as fc from 'fast-check';
import { refusalOf } from '../../test/refusal';
import { compareChunkLists } from './chunk-spans';
import { formatChunkSpans, parseChunkSpans } from './span-text';

const list = fc.uniqueArray(fc.nat({ max: 60 }).map(String)).map((digests) => digests.toSorted());

it('spans are the same after a round trip', () => {
  fc.assert(
    fc.property(list, list, (base, target) => {
      const spans = compareChunkLists(base, target);
      expect(parseChunkSpans(formatChunkSpans(spans), base.length)).toEqual(spans);
    }),
  );
});

it.each(['1', '1:1', '1:1:1:1', '1:1:1,', '-1:1:1', '01:1:1', '9:2:0', '5:2:1,6:1:1', '99999999999:0:0'])(
  'spans are refused: %s',
  (text) => {
    expect(refusalOf(() => parseChunkSpans(text, 10)).code).toBe('FRAMES_INVALID');
  },
);
