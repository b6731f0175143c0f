const { default: Sequencer } = require('@jest/test-sequencer');

const KINDS = ['faults', 'e2e', 'pg', 'unit'];

/**
 * Files that start processes first, pure ones last: these are short, and fill both workers to the end. Jest alone goes by
 * how long a file took, but on a machine that has not run it yet by its size, which says little.
 */
module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    // oxlint-disable-next-line unicorn/no-array-sort -- it is Jest's own, not an array's
    return super.sort(tests).toSorted((one, other) => rank(one) - rank(other));
  }
};

function rank({ context }) {
  return KINDS.indexOf(context.config.displayName.name);
}
