/**
 * The import rules of docs/ARCHITECTURE.md, enforced by `npm run check`. The tables say what may be imported; anything
 * that is not in them may not.
 */

/** Each library, with the libraries that it may import. */
const libraries = {
  errors: [],
  protocol: ['errors'],
  signatures: ['protocol'],
  'agent-protocol': ['errors'],
  postgres: ['errors'],
  'embedded-postgres': ['postgres', 'errors'],
  bus: ['postgres', 'errors'],
  snapshot: ['protocol', 'postgres', 'errors'],
  mirror: ['protocol', 'postgres', 'errors'],
  datasets: ['snapshot', 'protocol', 'postgres', 'errors'],
  platform: ['postgres', 'app-process', 'errors'],
  cli: [],
  'realtime-client': [],
  'app-process': [],
  'node-version': [],
  'small-heap': [],
};

/** Each feature folder of an app, with the features that it may import. */
const features = {
  central: {
    'source-database': [],
    bus: [],
    signing: [],
    users: [],
    devices: ['signing'],
    datasets: ['source-database'],
    source: ['datasets', 'source-database'],
    snapshots: ['source', 'datasets', 'source-database'],
    'device-sync': ['devices', 'signing', 'snapshots', 'source', 'datasets'],
    rollouts: ['users', 'devices'],
    configurations: ['rollouts', 'live', 'users', 'devices', 'signing', 'bus'],
    operators: [
      'users',
      'device-sync',
      'devices',
      'signing',
      'snapshots',
      'source',
      'datasets',
      'source-database',
    ],
    collection: ['users', 'bus', 'devices', 'live', 'realtime', 'signing', 'snapshots'],
    live: ['bus', 'device-sync', 'devices', 'source', 'snapshots'],
    fleet: ['bus', 'live', 'device-sync', 'devices'],
    realtime: ['users', 'bus', 'devices', 'source'],
  },
  worker: {
    targets: [],
    configuration: ['targets'],
    task: ['configuration', 'targets'],
  },
  edge: {
    disk: [],
    access: [],
    features: [],
    identity: ['disk'],
    schedule: [],
    spool: ['hub'],
    hub: ['identity', 'disk'],
    configuration: ['hub', 'identity', 'disk'],
    state: [],
    mirrors: ['state', 'spool'],
    sync: ['mirrors', 'state', 'spool', 'hub', 'identity', 'schedule'],
    scrub: ['sync', 'mirrors', 'state', 'schedule'],
    live: ['features', 'sync', 'collection', 'configuration', 'hub', 'identity'],
    status: ['live', 'scrub', 'sync', 'state', 'identity', 'hub'],
    collection: ['hub', 'disk'],
  },
};

/** Packages and modules of Node that a library may not go beyond. */
const packages = {
  errors: '^$',
  protocol: '^(node:)?(crypto|zlib|util)$',
  'agent-protocol': '^$',
  'realtime-client': '^$',
};

/** Where test code lives. */
const TESTS = ['[.-]spec\\.ts$', '^(apps|libs)/[^/]+/test/'];
const indexOf = (names) => names.map((name) => `^libs/${name}/src/index\\.ts$`);

const libraryRules = Object.entries(libraries).map(([name, allowed]) => ({
  name: `imports-of-${name}`,
  comment: `libs/${name} may import ${allowed.map((lib) => `libs/${lib}`).join(', ') || 'no other library'}.`,
  severity: 'error',
  from: { path: `^libs/${name}/src/`, pathNot: TESTS },
  to: { path: '^libs/', pathNot: [`^libs/${name}/`, ...indexOf(allowed)] },
}));

const packageRules = Object.entries(packages).map(([name, allowed]) => ({
  name: `packages-of-${name}`,
  comment: `libs/${name} is pure: another language must be able to mirror it.`,
  severity: 'error',
  from: { path: `^libs/${name}/src/`, pathNot: TESTS },
  to: { pathNot: ['^libs/', allowed] },
}));

const featureRules = Object.entries(features).flatMap(([app, folders]) =>
  Object.entries(folders).map(([name, allowed]) => ({
    name: `imports-of-${app}-${name}`,
    comment: `${name} of ${app} may import ${allowed.join(', ') || 'no other feature'}.`,
    severity: 'error',
    from: { path: `^apps/${app}/src/${name}/`, pathNot: TESTS },
    to: {
      path: `^apps/${app}/src/`,
      pathNot: [name, ...allowed].map((folder) => `^apps/${app}/src/${folder}/`),
    },
  })),
);

const unknownFolders = [
  {
    name: 'library-not-in-the-table',
    severity: 'error',
    from: {},
    to: { path: '^libs/', pathNot: `^libs/(testing|${Object.keys(libraries).join('|')})/` },
  },
  ...Object.entries(features).map(([app, folders]) => ({
    name: `folder-of-${app}-not-in-the-table`,
    severity: 'error',
    from: {},
    to: { path: `^apps/${app}/src/[^/]+/`, pathNot: `^apps/${app}/src/(${Object.keys(folders).join('|')})/` },
  })),
];

module.exports = {
  forbidden: [
    ...libraryRules,
    ...packageRules,
    ...featureRules,
    ...unknownFolders,
    {
      name: 'no-circle-of-files',
      comment: 'A circle means that two files are one subject, or one of them has two.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'app-not-to-app',
      comment: 'Apps meet on the wire.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'product-not-to-development',
      comment: 'No image carries tools, scripts, benchmarks or tests.',
      severity: 'error',
      from: { path: '^(apps|libs|db)/', pathNot: [...TESTS, '^libs/testing/'] },
      to: { path: '^(tools|scripts|bench|test)/' },
    },
    {
      name: 'libs-not-to-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|tools|bench|test|db)/' },
    },
    {
      name: 'a-library-by-its-index',
      severity: 'error',
      from: { path: '^(apps|tools|bench|test|db)/' },
      to: { path: '^libs/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'another-library-by-its-index',
      severity: 'error',
      from: { path: '^libs/([^/]+)/' },
      to: { path: '^libs/', pathNot: ['^libs/$1/', '^libs/[^/]+/src/index\\.ts$'] },
    },
    {
      name: 'no-nest-below-the-platform',
      comment: 'Only apps and libs/platform know Nest and TypeORM.',
      severity: 'error',
      from: { path: '^libs/', pathNot: [...TESTS, '^libs/(platform|testing)/'] },
      to: { path: '(^|/)node_modules/(@nestjs|typeorm|nestjs-pino)' },
    },
    {
      name: 'testing-in-tests-alone',
      severity: 'error',
      from: { path: '^(apps|libs|tools|db)/', pathNot: [...TESTS, '^libs/testing/'] },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'no-development-package-at-run-time',
      severity: 'error',
      from: { path: '^(apps|libs|db)/', pathNot: [...TESTS, '^libs/testing/'] },
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
