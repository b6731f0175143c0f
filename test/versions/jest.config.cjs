// What `npm run test:versions` runs: each project is a set of tests on the servers that it is given.
const base = require('../../jest.config.cjs');

const common = {
  ...base.projects[0],
  setupFiles: [`${__dirname}/use-servers.cjs`],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/zz-'],
  globalSetup: `${__dirname}/start-servers.cjs`,
  globalTeardown: `${__dirname}/stop-servers.cjs`,
};

/** See scripts/test-versions.mjs. */
const { pairs, changes, libraries } = JSON.parse(process.env.RIVULET_TEST_VERSIONS);

module.exports = {
  testTimeout: base.testTimeout,
  reporters: ['default', `${__dirname}/matrix-reporter.cjs`],
  projects: [
    ...libraries.map((version) => ({
      ...common,
      displayName: `libraries on ${version}`,
      // With the datasets tool, which asks for plans in another way before 16.
      roots: ['<rootDir>/libs', '<rootDir>/apps/datasets-cli'],
      testMatch: ['<rootDir>/{libs,apps}/**/*.pg.spec.ts'],
      // It starts the server that Rivulet brings.
      testPathIgnorePatterns: [...common.testPathIgnorePatterns, '/embedded-postgres/'],
      globals: { servers: { central: version, edge: version } },
    })),
    ...changes.map((version) => ({
      ...common,
      displayName: `changes on ${version}`,
      // With the histories, as what can be read off a plan differs between versions.
      roots: ['<rootDir>/apps/central/src', '<rootDir>/test/content', '<rootDir>/libs/datasets/src/tracking'],
      testMatch: [
        '<rootDir>/apps/central/src/**/{changes,change-detection}/*.pg.spec.ts',
        '<rootDir>/test/content/narrowed-histories.faults-spec.ts',
        '<rootDir>/libs/datasets/src/tracking/*.pg.spec.ts',
      ],
      globals: { servers: { central: version, edge: version } },
    })),
    ...pairs.map(([central, edge]) => ({
      ...common,
      displayName: `${central} → ${edge}`,
      roots: ['<rootDir>/test/versions'],
      testMatch: ['<rootDir>/test/versions/*.pair-spec.ts'],
      globals: { servers: { central, edge } },
    })),
  ],
};
