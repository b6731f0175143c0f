import { randomInt } from 'node:crypto';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { runJest } from './jest.mjs';
import { runMain } from './project.mjs';

/**
 * By the name that the command takes: the beginning of the test file's name, and what the environment says of its length.
 * A file reads its length in test/support/histories/history-length.ts.
 */
const PARTS = {
  histories: { file: 'random-histories', environment: { RIVULET_HISTORY_BATCHES: '1000' } },
  definitions: { file: 'random-definitions', environment: { RIVULET_DEFINITION_BATCHES: '2000' } },
  hostile: { file: 'hostile-schema', environment: { RIVULET_HOSTILE_ROUNDS: '20' } },
  narrowed: { file: 'narrowed-histories', environment: { RIVULET_NARROWED_HISTORIES: '100' } },
  keyed: { file: 'keyed-histories', environment: { RIVULET_KEYED_HISTORIES: '60' } },
  collections: {
    file: '(random|killed)-collections',
    environment: { RIVULET_COLLECTION_ROUNDS: '60', RIVULET_COLLECTION_KILLS: '200' },
  },
  faults: {
    file: '(narrowing|keyed)-faults',
    environment: { RIVULET_NARROWING_FAULTS: '100', RIVULET_KEYED_FAULTS: '100' },
  },
  live: { file: 'killed-central', environment: { RIVULET_KILLED_DEVICES: '1000' } },
  fuzz: { file: 'fuzz-[a-z]+', environment: { RIVULET_FUZZ_ROUNDS: '40' } },
  configuration: { file: 'killed-(parts|edge)', environment: { RIVULET_CONFIGURATION_KILLS: '200' } },
  topics: {
    file: '(lost-connections|killed-centrals)',
    environment: {
      RIVULET_REALTIME_CLIENTS: '200',
      RIVULET_REALTIME_TOPICS: '20',
      RIVULET_REALTIME_KILLS: '50',
      RIVULET_REALTIME_PAUSE_MS: '10',
      RIVULET_REALTIME_PROCESSES: 'true',
      RIVULET_REALTIME_PER_SECOND: '100',
    },
  },
};

/**
 * Random tests, longer than in `npm test` and new each time: `npm run test:long`, or some parts of it by name, as in
 * `npm run test:long -- histories`. The environment says which to play again.
 */
await runMain(async (args) => {
  const names = args.length > 0 ? args : Object.keys(PARTS);
  const unknown = names.filter((name) => !Object.hasOwn(PARTS, name));
  if (unknown.length > 0) {
    process.stderr.write(
      `There is no ${unknown.join(', ')}. The parts are ${Object.keys(PARTS).join(', ')}.\n`,
    );
    return 1;
  }
  await ensureInstalled();
  await ensureBuilt();
  const RIVULET_HISTORY_SEED = process.env.RIVULET_HISTORY_SEED ?? String(randomInt(1, 2 ** 31));
  process.stdout.write(`To play these again: RIVULET_HISTORY_SEED=${RIVULET_HISTORY_SEED}\n`);
  const parts = names.map((name) => PARTS[name]);
  const lengths = Object.assign({}, ...parts.map(({ environment }) => environment));
  const files = `(${parts.map(({ file }) => file).join('|')})\\.(faults-|pg\\.)spec`;
  return runJest(['--testPathPatterns', files], { ...lengths, ...process.env, RIVULET_HISTORY_SEED });
});
