// Projects take no testTimeout of their own. Real servers and processes share two cores with other test files.
const testTimeout = 60_000;

const base = {
  rootDir: __dirname,
  testEnvironment: '<rootDir>/test/setup/one-realm-environment.cjs',
  transform: {
    // Jest needs its own packages as they are. nestjs-pino keeps one logger for the process.
    '/node_modules/(?!jest|@jest/|expect/|@swc/|nestjs-pino/).+\\.c?js$':
      '<rootDir>/test/setup/native-package.cjs',
    '^.+\\.ts$': [
      '@swc/jest',
      {
        sourceMaps: 'inline',
        module: { type: 'commonjs' },
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
      },
    ],
  },
  transformIgnorePatterns: [],
  moduleNameMapper: {
    '^@rivulet/([a-z-]+)$': '<rootDir>/libs/$1/src/index.ts',
    // Imports at run time name the file as it is built.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.rivulet'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
};

/**
 * unit: pure. pg: one real PostgreSQL server for the run. e2e: real processes of the built apps on it. faults: in which
 * something is killed, silent, full, hostile or random; they mostly wait, and `npm test` leaves them out.
 */
module.exports = {
  testTimeout,
  // On whatever machine the same, for two cores: the longest files mostly wait, for PostgreSQL and for time to pass.
  maxWorkers: 3,
  // What files leave in a worker makes collections of its memory slow.
  workerIdleMemoryLimit: '600MB',
  testSequencer: './test/setup/longest-first.cjs',
  projects: [
    {
      ...base,
      displayName: 'unit',
      testMatch: ['<rootDir>/{apps,libs,tools,scripts,db,test}/**/*.spec.ts'],
      testPathIgnorePatterns: [...base.testPathIgnorePatterns, '\\.pg\\.spec\\.ts$'],
    },
    {
      ...base,
      displayName: 'pg',
      testMatch: ['<rootDir>/{apps,libs,tools,db,test}/**/*.pg.spec.ts'],
      globalSetup: '<rootDir>/test/setup/start-postgres.cjs',
      globalTeardown: '<rootDir>/test/setup/stop-postgres.cjs',
    },
    {
      ...base,
      displayName: 'e2e',
      testMatch: ['<rootDir>/test/**/*.e2e-spec.ts'],
      globalSetup: '<rootDir>/test/setup/start-postgres.cjs',
      globalTeardown: '<rootDir>/test/setup/stop-postgres.cjs',
    },
    {
      ...base,
      displayName: 'faults',
      testMatch: ['<rootDir>/{apps,libs,test}/**/*.faults-spec.ts'],
      globalSetup: '<rootDir>/test/setup/start-postgres.cjs',
      globalTeardown: '<rootDir>/test/setup/stop-postgres.cjs',
    },
  ],
};
