/** The import rules of docs/ARCHITECTURE.md, enforced by `npm run check`. */
const LIB = '^libs/([^/]+)/';

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle means two files are one subject, or one of them has two.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file nobody imports is dead.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: ['\\.(spec|e2e-spec)\\.ts$', '/main\\.ts$', '^(tools|scripts|bench|test)/', '^db/'],
      },
      to: {},
    },
    {
      name: 'app-not-to-app',
      comment: 'The two apps meet on the wire alone.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-not-to-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|tools|bench|test|db)/' },
    },
    {
      name: 'only-a-libs-index',
      comment: 'A library is used through its index.ts.',
      severity: 'error',
      from: { path: '^(apps|tools|bench|test|db)/' },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'only-another-libs-index',
      severity: 'error',
      from: { path: LIB },
      to: { path: '^libs/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'protocol-is-pure',
      comment:
        'No Nest, no pg, no clock, no environment, no I/O: another language must be able to mirror it.',
      severity: 'error',
      from: { path: '^libs/protocol/src', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: ['^libs/protocol/', '^libs/errors/src/index\\.ts$', '^(node:)?(crypto|zlib|util)$'] },
    },
    {
      name: 'cli-and-app-process-stand-alone',
      severity: 'error',
      from: { path: '^libs/(cli|app-process)/src', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(libs|scripts)/', pathNot: '^libs/$1/' },
    },
    {
      name: 'product-not-to-development',
      comment: 'Tools, benchmarks, scripts and tests are in no image.',
      severity: 'error',
      from: { path: '^(apps|libs|db)/', pathNot: ['\\.spec\\.ts$', '^(apps|libs)/[^/]+/test/'] },
      to: { path: '^(tools|bench|test|scripts)/' },
    },
    {
      name: 'postgres-stands-alone',
      severity: 'error',
      from: { path: '^libs/postgres/src', pathNot: '\\.spec\\.ts$' },
      to: { path: '^libs/', pathNot: ['^libs/postgres/', '^libs/errors/src/index\\.ts$'] },
    },
    {
      name: 'row-libraries-are-nest-free',
      comment: 'snapshot and mirror use protocol and postgres alone.',
      severity: 'error',
      from: { path: '^libs/(snapshot|mirror|postgres)/src', pathNot: '\\.spec\\.ts$' },
      to: {
        path: ['^node_modules/(@nestjs|typeorm|nestjs-pino)', '^libs/(platform|testing|mirror|snapshot)/'],
        pathNot: '^libs/$1/',
      },
    },
    {
      name: 'platform-knows-no-rows',
      severity: 'error',
      from: { path: '^libs/platform/src', pathNot: '\\.spec\\.ts$' },
      to: { path: '^libs/(snapshot|mirror|testing)/' },
    },
    {
      name: 'testing-in-tests-alone',
      severity: 'error',
      from: {
        path: '^(apps|libs|tools|db)/',
        pathNot: ['\\.spec\\.ts$', '^libs/testing/', '^(apps|libs)/[^/]+/test/'],
      },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'no-development-package-at-run-time',
      severity: 'error',
      from: {
        path: '^(apps|libs|db)/',
        pathNot: ['\\.spec\\.ts$', '^libs/testing/', '^(apps|libs)/[^/]+/test/'],
      },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
