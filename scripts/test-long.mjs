import { randomInt } from 'node:crypto';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { runJest } from './jest.mjs';
import { runMain } from './project.mjs';

const LENGTHS = {
  RIVULET_HISTORY_BATCHES: '1000',
  RIVULET_DEFINITION_BATCHES: '2000',
  RIVULET_HOSTILE_ROUNDS: '20',
  RIVULET_NARROWED_HISTORIES: '100',
};

/** Random histories, longer than those of `npm test` and new each time. The environment says which to play again. */
await runMain(async (args) => {
  await ensureInstalled();
  await ensureBuilt();
  const RIVULET_HISTORY_SEED = process.env.RIVULET_HISTORY_SEED ?? String(randomInt(1, 2 ** 31));
  process.stdout.write(`To play these histories again: RIVULET_HISTORY_SEED=${RIVULET_HISTORY_SEED}\n`);
  const environment = { ...LENGTHS, ...process.env, RIVULET_HISTORY_SEED };
  const histories = '(random-histories|random-definitions|narrowed-histories|hostile-schema)\\.pg\\.spec';
  return runJest(['--selectProjects', 'pg', '--testPathPatterns', histories, ...args], environment);
});
