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
  const jestArguments = [];
  let only;
  let pairs;
  let ifAvailable = false;
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index];
    if (argument === '--only') only = readVersions(args[(index += 1)], ',');
    else if (argument === '--pairs')
      pairs = (args[(index += 1)] ?? '').split(',').map((pair) => readPair(pair));
    else if (argument === '--if-available') ifAvailable = true;
    else jestArguments.push(argument);
  }
  if (only !== undefined && pairs !== undefined)
    throw new Failure(`Say --only or --pairs, not both.\n${USAGE}`, 2);
  const versions = [...new Set(pairs?.flat() ?? only ?? [...olderVersions, OWN_VERSION])].toSorted(
    (a, b) => a - b,
  );
  return { versions, pairs, ifAvailable, jestArguments };
}

function readPair(text) {
  const pair = readVersions(text, '-');
  if (pair.length !== 2) throw new Failure(`"${text}" is not a pair of versions such as 14-18.\n${USAGE}`, 2);
  return pair;
}

function readVersions(text, separator) {
  return (text ?? '').split(separator).map((word) => {
    const version = Number(word);
    if (version === OWN_VERSION || olderVersions.includes(version)) return version;
    throw new Failure(`"${word}" is not a version from ${olderVersions[0]} to ${OWN_VERSION}.\n${USAGE}`, 2);
  });
}
