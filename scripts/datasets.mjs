import { join } from 'node:path';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { findNode, projectRoot, runMain } from './project.mjs';
import { runChild } from './run-child.mjs';
import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from './runtime-file.mjs';

await runMain(async (args) => {
  await ensureInstalled({ output: process.stderr });
  await ensureBuilt({ output: process.stderr });
  const program = join(projectRoot, 'dist', 'apps', 'datasets-cli', 'src', 'main.js');
  const { code } = await runChild(findNode(), ['--enable-source-maps', program, ...args], {
    cwd: projectRoot,
    env: withRunningDatabase(process.env),
    ipc: true,
  });
  return code;
});

/** As central has it. Where the environment names none, the database of a Rivulet that runs here. */
function withRunningDatabase(environment) {
  if (environment.CENTRAL_SOURCE_DATABASE_URL || environment.CENTRAL_DATABASE_URL) return environment;
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('central'));
  const url = runtime?.centralDatabaseUrl;
  return url === undefined ? environment : { ...environment, CENTRAL_DATABASE_URL: url };
}
