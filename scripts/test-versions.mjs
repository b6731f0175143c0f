import { parseArgs } from 'node:util';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { runJest } from './jest.mjs';
import { Failure, runMain } from './project.mjs';
import { ensureServerPackage, hasPackage, olderVersions, PackageFailure } from './server-packages.mjs';

const OWN_VERSION = 18;
const USAGE = `Usage: npm run test:versions -- [--only 14,18] [--pairs 14-18,18-14] [--if-available] [Jest's options]
  --only          these versions of PostgreSQL, in all pairs; without it all from ${olderVersions[0]} to ${OWN_VERSION}
  --pairs         these pairs (central's version, edge's version), and nothing else
  --if-available  where an older server cannot be installed, says so and ends without an error`;

const OPTIONS = {
  only: { type: 'string' },
  pairs: { type: 'string' },
  'if-available': { type: 'boolean' },
};

/**
 * Every version of PostgreSQL for central with every version for the edge; change detection on each version; the
 * libraries on the oldest.
 */
await runMain(async (args) => {
  const { versions, pairs, ifAvailable, jestArguments } = readArguments(args);
  await ensureInstalled();
  await ensureBuilt();
  const missing = versions.filter((version) => version !== OWN_VERSION && !hasPackage(version));
  for (const version of missing) {
    process.stdout.write(
      `PostgreSQL ${version} is left out: there is no package of it for ${process.platform}-${process.arch}.\n`,
    );
  }
  const available = versions.filter((version) => !missing.includes(version));
  try {
    const packages = { [OWN_VERSION]: null };
    for (const version of available)
      if (version !== OWN_VERSION) packages[version] = await ensureServerPackage(version);
    return await test(packages, available, pairs, jestArguments);
  } catch (error) {
    if (!ifAvailable || !(error instanceof PackageFailure) || error.isWrongContent) throw error;
    process.stdout.write(`${error.message}\nSKIPPED: other versions of PostgreSQL were not tested.\n`);
    return 0;
  }
});

function test(packages, versions, pairs, jestArguments) {
  const plan =
    pairs === undefined
      ? {
          pairs: versions.flatMap((central) => versions.map((edge) => [central, edge])),
          changes: versions,
          libraries: versions.slice(0, 1),
        }
      : {
          pairs: pairs.filter((pair) => pair.every((version) => versions.includes(version))),
          changes: [],
          libraries: [],
        };
  if (plan.pairs.length === 0) {
    process.stdout.write('SKIPPED: there is no pair of versions to test here.\n');
    return 0;
  }
  const environment = { RIVULET_TEST_VERSIONS: JSON.stringify({ packages, ...plan }) };
  return runJest(['--config=test/versions/jest.config.cjs', '--silent', ...jestArguments], environment);
}

function readArguments(args) {
  // Not strict: what is not of these options is Jest's.
  const { values, tokens } = parseArgs({ args, options: OPTIONS, strict: false, tokens: true });
  const only = values.only === undefined ? undefined : readVersions(values.only, ',');
  const pairs = values.pairs === undefined ? undefined : String(values.pairs).split(',').map(readPair);
  const own = new Set(tokens.flatMap(argumentsOf));
  const jestArguments = args.filter((_, index) => !own.has(index));
  if (only !== undefined && pairs !== undefined)
    throw new Failure(`Say --only or --pairs, not both.\n${USAGE}`, 2);
  const versions = [...new Set(pairs?.flat() ?? only ?? [...olderVersions, OWN_VERSION])].toSorted(
    (a, b) => a - b,
  );
  return { versions, pairs, ifAvailable: values['if-available'] === true, jestArguments };
}

/** Where in the command line an option of ours and its value are. */
function argumentsOf({ kind, name, index, value, inlineValue }) {
  if (kind !== 'option' || !Object.hasOwn(OPTIONS, name)) return [];
  return value === undefined || inlineValue ? [index] : [index, index + 1];
}

function readPair(text) {
  const pair = readVersions(text, '-');
  if (pair.length !== 2) throw new Failure(`"${text}" is not a pair of versions such as 14-18.\n${USAGE}`, 2);
  return pair;
}

function readVersions(text, separator) {
  return String(text)
    .split(separator)
    .map((word) => {
      const version = Number(word);
      if (version === OWN_VERSION || olderVersions.includes(version)) return version;
      throw new Failure(
        `"${word}" is not a version from ${olderVersions[0]} to ${OWN_VERSION}.\n${USAGE}`,
        2,
      );
    });
}
