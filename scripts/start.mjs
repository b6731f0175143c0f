import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { lockHolder } from './lock.mjs';
import { Failure, findNode, projectRoot, runMain, stateDirectory } from './project.mjs';
import { runChild } from './run-child.mjs';
import { appRuntimeFile, removeRuntimeFile, writeRuntimeFile } from './runtime-file.mjs';

const APPS = new Set(['central', 'edge', 'worker']);
const USAGE = `Usage: npm start                 central, an edge and a worker with the demo data, until Ctrl-C
       npm run start:central     central alone
       npm run start:edge        an edge alone
       npm run start:worker      a worker alone
`;
const DATABASES = ['CENTRAL_DATABASE_URL', 'CENTRAL_SOURCE_DATABASE_URL', 'EDGE_DATABASE_URL'];
const ONE_BY_ONE = 'or start the apps by themselves: npm run start:central, npm run start:edge.';

/** Without an argument the whole local system, with `central` or `edge` that app alone. */
await runMain(async (args) => {
  const { app, help } = readArguments(args);
  if (help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (app === undefined) {
    refuseOtherDatabases();
    refuseSecondSystem();
  }
  await ensureInstalled();
  await ensureBuilt();
  const entry = app === undefined ? 'dist/tools/start/main.js' : `dist/apps/${app}/src/main.js`;
  const { code } = await runChild(findNode(), ['--enable-source-maps', join(projectRoot, entry)], {
    cwd: projectRoot,
    ipc: true,
    onMessage: app === undefined ? undefined : (message) => keepRuntimeFile(app, message),
  });
  if (app !== undefined) removeRuntimeFile(appRuntimeFile(app));
  return code;
});

function readArguments(args) {
  let parsed;
  try {
    parsed = parseArgs({ args, allowPositionals: true, options: { help: { type: 'boolean' } } });
  } catch (error) {
    throw new Failure(`${error.message}\n\n${USAGE.trimEnd()}`, 2);
  }
  const [app, more] = parsed.positionals;
  if (app !== undefined && !APPS.has(app))
    throw new Failure(`There is no app "${app}"; say central, edge or worker.`, 2);
  if (more !== undefined) throw new Failure(`"${more}" is one word too many.\n\n${USAGE.trimEnd()}`, 2);
  return { app, help: parsed.values.help };
}

/** The demo is for servers that Rivulet starts: in another database it would make its schema, its rows and its mirrors. */
function refuseOtherDatabases() {
  const names = DATABASES.filter((name) => (process.env[name] ?? '').trim() !== '');
  if (names.length > 0) {
    const [are, them] = names.length === 1 ? ['is', 'it'] : ['are', 'them'];
    throw new Failure(
      `${names.join(' and ')} ${are} set, and npm start runs the demo on databases of its own. Unset ${them}, ${ONE_BY_ONE}`,
    );
  }
  if (process.env.NODE_ENV === 'production') {
    throw new Failure(
      'NODE_ENV is production, and npm start runs the demo on servers that production does not have. ' +
        `Unset it, ${ONE_BY_ONE}`,
    );
  }
}

/** Before the build, which would change the files that the other one runs. */
function refuseSecondSystem() {
  const pid = lockHolder(join(stateDirectory, 'start.lock'));
  if (pid !== undefined) throw new Failure(`Rivulet already runs from this folder, as process ${pid}.`);
}

/** By the message of libs/app-process/src/ipc-messages.ts. */
function keepRuntimeFile(app, message) {
  if (message?.type !== 'listening') return;
  const { url, databaseUrl, agentPort } = message;
  writeRuntimeFile(appRuntimeFile(app), {
    [`${app}Url`]: url,
    [`${app}DatabaseUrl`]: databaseUrl,
    ...(agentPort !== undefined && { agentPort }),
    pid: process.pid,
  });
}
