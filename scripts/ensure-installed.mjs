import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linkNode } from './link-node.mjs';
import { isInstalledByHand, isPresent, listPackages } from './lockfile-packages.mjs';
import { waitForLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { Progress } from './progress.mjs';
import { Failure, isMain, projectRoot, runMain, stateDirectory } from './project.mjs';
import { exitCodeOf } from './run-child.mjs';

const POLL_MS = 300;
const SHOWN_LINES = 25;
/** Development packages too, because they build, whatever NODE_ENV and npm's configuration say. */
const NPM_ARGUMENTS = [
  'ci',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--no-progress',
  '--loglevel=warn',
];

const modulesDirectory = join(projectRoot, 'node_modules');
const stampFile = join(modulesDirectory, '.rivulet-installed');

/** Installs the packages of the lockfile, unless exactly these are there. */
export async function ensureInstalled({ output = process.stdout } = {}) {
  if (isInstalled()) return;
  const release = await waitForLock(join(stateDirectory, 'install.lock'), () =>
    output.write('Waiting for another Rivulet command, which installs the packages …\n'),
  );
  try {
    if (!isInstalled()) await install(output);
  } finally {
    release();
  }
}

function isInstalled() {
  const stamp = makeStamp();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return true;
  if (!isInstalledByHand()) return false; // With npm ci, say.
  try {
    linkNode();
    writeFileSync(stampFile, stamp);
  } catch {
    // Another user's node_modules: found out anew each time.
  }
  return true;
}

/** Of what is wanted and of npm's own record, which every npm command that changes something writes anew. */
function makeStamp() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of [join(projectRoot, 'package-lock.json'), join(modulesDirectory, '.package-lock.json')]) {
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return `${hash.digest('hex')}\n`;
}

async function install(output) {
  const expected = listPackages();
  const progress = new Progress('Installing packages', { output });
  const timer = setInterval(() => {
    const present = expected.filter(({ path }) => isPresent(path)).length;
    progress.update(present / expected.length, `${present} of ${expected.length}`);
  }, POLL_MS);
  let log = '';
  try {
    const { code, stoppedBy } = await runNpm(NPM_ARGUMENTS, {
      cwd: projectRoot,
      onOutput: (text) => (log += text),
    });
    progress.finish(
      code === 0 ? `Installed ${expected.length} packages in ${progress.seconds.toFixed(1)} s.` : undefined,
    );
    if (stoppedBy !== undefined) throw new Failure('', exitCodeOf(stoppedBy));
    if (code !== 0) throw new Failure(explain(log, code));
  } finally {
    clearInterval(timer);
    progress.finish();
  }
  linkNode();
  writeFileSync(stampFile, makeStamp());
}

function explain(log, code) {
  const lines = log.trimEnd().split('\n').slice(-SHOWN_LINES);
  return (
    `${lines.join('\n')}\n\nThe packages could not be installed: npm ci ended with code ${code}. ` +
    'Mend what it says above (often it is the network or the registry) and run the command again.'
  );
}

if (isMain(import.meta.url)) await runMain(() => ensureInstalled());
