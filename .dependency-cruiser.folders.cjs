/** Circles between folders, without tests: a spec may stand beside what it tests and use the fixtures of another folder. */
const { options } = require('./.dependency-cruiser.cjs');

module.exports = {
  forbidden: [
    {
      name: 'no-circle-of-folders',
      comment: 'Two folders that import each other are one subject, or one of them has two.',
      severity: 'error',
      scope: 'folder',
      from: {},
      to: { circular: true },
    },
  ],
  options: { ...options, exclude: { path: ['[.-]spec\\.ts$', '/test/', '^libs/testing/'] } },
};
