import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { runJest } from './jest.mjs';
import { runMain } from './project.mjs';

/** `npm test`, and with `faults` before all else `npm run test:faults`. What follows is for Jest. */
await runMain(async (args) => {
  await ensureInstalled();
  await ensureBuilt();
  if (args[0] === 'faults') return runJest([...args.slice(1), '--selectProjects', 'faults']);
  return runJest([...args, '--ignoreProjects', 'faults']);
});
