import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ElapsedTime } from './elapsed-time.mjs';
import { linkNode } from './link-node.mjs';
import { waitForLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { Failure, isMain, projectRoot, runMain, stateDirectory } from './project.mjs';
import { exitCodeOf } from './run-child.mjs';

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
const lockfile = join(projectRoot, 'package-lock.json');
/** npm's own record of what is there, which it writes last of all. */
const installedRecord = join(modulesDirectory, '.package-lock.json');
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
  if (!isInstalledByHand()) return false;
  try {
    linkNode();
    writeFileSync(stampFile, stamp);
  } catch {
    // Another user's node_modules: compared again each time.
  }
  return true;
}

/** With `npm ci`, say: every package is there as it is locked, except optional ones that other machines need. */
function isInstalledByHand() {
  try {
    const installed = readPackages(installedRecord);
    return Object.entries(readPackages(lockfile)).every(([path, { optional, integrity }]) => {
      if (path === '') return true; // Rivulet itself.
      if (installed[path] !== undefined) return installed[path].integrity === integrity;
      return optional === true && !path.endsWith(`${process.platform}-${process.arch}`);
    });
  } catch {
    return false;
  }
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/** A hash of what is wanted and what is there. */
function makeStamp() {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of [lockfile, installedRecord]) {
    if (existsSync(file)) hash.update(readFileSync(file));
  }
  return `${hash.digest('hex')}\n`;
}

async function install(output) {
  const elapsed = new ElapsedTime('Installing packages', { output });
  let log = '';
  try {
    const { code, stoppedBy } = await runNpm(NPM_ARGUMENTS, {
      cwd: projectRoot,
      onOutput: (text) => (log += text),
    });
    elapsed.finish(code === 0 ? `Installed the packages in ${elapsed.seconds.toFixed(1)} s.` : undefined);
    if (stoppedBy !== undefined) throw new Failure('', exitCodeOf(stoppedBy));
    if (code !== 0) throw new Failure(explain(log, code));
  } finally {
    elapsed.finish();
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
