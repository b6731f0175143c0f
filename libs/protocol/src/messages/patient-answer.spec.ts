import { formatPatience, parsePatience } from './patient-answer';

describe('the patience of a client', () => {
  it('is what it says', () => {
    expect(parsePatience(formatPatience(7))).toBe(7);
  });

  it.each([
    [undefined, undefined],
    ['', undefined],
    ['wait=5', undefined],
    ['return=minimal', undefined],
    ['respond-async', 10],
    ['Respond-Async; wait="5"', 5],
    ['return=minimal, wait=3, respond-async', 3],
    ['respond-async, wait=0', 1],
    ['respond-async, wait=900', 20],
    ['respond-async, wait=x', 10],
  ])('that says %p is %p seconds', (header, seconds) => {
    expect(parsePatience(header)).toBe(seconds);
  });
});
