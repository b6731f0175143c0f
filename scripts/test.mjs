import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { runJest } from './jest.mjs';
import { runMain } from './project.mjs';

await runMain(async (args) => {
  await ensureInstalled();
  await ensureBuilt();
  return runJest(args);
});
