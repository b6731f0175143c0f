import { join } from 'node:path';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { Failure, findNode, projectRoot, runMain } from './project.mjs';
import { runChild } from './run-child.mjs';
import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from './runtime-file.mjs';

const PROGRAMS = {
  bench: { entry: 'dist/bench/main.js' },
  datasets: { entry: 'dist/apps/datasets-cli/src/main.js', environment: withRunningDatabase },
  'edge-status': { entry: 'dist/tools/edge-status/main.js' },
  fleet: { entry: 'dist/tools/fleet/main.js' },
  operate: { entry: 'dist/tools/operate/main.js' },
  proof: { entry: 'dist/tools/proof/main.js' },
  'rotate-key': { entry: 'dist/tools/rotate-key/main.js' },
  sql: { entry: 'dist/tools/sql/main.js' },
};

/** Runs a compiled program with the arguments that follow its name. Standard output is the program's alone. */
await runMain(async ([name, ...args]) => {
  if (!Object.hasOwn(PROGRAMS, name ?? ''))
    throw new Failure(`There is no program "${name ?? ''}"; say ${Object.keys(PROGRAMS).join(', ')}.`, 2);
  const { entry, environment = () => process.env } = PROGRAMS[name];
  await ensureInstalled({ output: process.stderr });
  await ensureBuilt({ output: process.stderr });
  const { code } = await runChild(findNode(), ['--enable-source-maps', join(projectRoot, entry), ...args], {
    cwd: projectRoot,
    env: environment(),
    ipc: true,
  });
  return code;
});

/** As central has it. Where the environment names none, the database of a Rivulet that runs here. */
function withRunningDatabase() {
  if (process.env.CENTRAL_SOURCE_DATABASE_URL || process.env.CENTRAL_DATABASE_URL) return process.env;
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('central'));
  const url = runtime?.centralDatabaseUrl;
  return url === undefined ? process.env : { ...process.env, CENTRAL_DATABASE_URL: url };
}
