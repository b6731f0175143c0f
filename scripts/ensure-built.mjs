import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ElapsedTime } from './elapsed-time.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { waitForLock } from './lock.mjs';
import { Failure, findNode, isMain, projectRoot, runMain, stateDirectory } from './project.mjs';
import { exitCodeOf, runChild } from './run-child.mjs';

const SOURCE_FOLDERS = ['apps', 'libs', 'db', 'tools', 'bench'];
const SOURCE_FILE = /(?<![.-]spec)\.ts$|^tsconfig.*\.json$/;
const ROOT_FILES = [
  'package.json',
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.build.json',
  'tsconfig.json',
];
const ENTRIES = [
  'apps/central/src/main.js',
  'apps/edge/src/main.js',
  'apps/worker/src/main.js',
  'tools/start/main.js',
];

const outputDirectory = join(projectRoot, 'dist');
const stampFile = join(outputDirectory, '.rivulet-built');

/** Compiles to dist/, unless that was made from exactly these sources. */
export async function ensureBuilt({ output = process.stdout } = {}) {
  if (isBuilt(hashSources())) return;
  const release = await waitForLock(join(stateDirectory, 'build.lock'), () =>
    output.write('Waiting for another Rivulet command, which builds …\n'),
  );
  try {
    const sources = hashSources();
    if (!isBuilt(sources)) await build(sources, output);
  } finally {
    release();
  }
}

function isBuilt(sources) {
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== sources) return false;
  return ENTRIES.every((entry) => existsSync(join(outputDirectory, entry)));
}

/** By content, not by time: a checkout of another branch makes files that are new and old at once. */
function hashSources() {
  const hash = createHash('sha256');
  const files = SOURCE_FOLDERS.flatMap((folder) => listFiles(join(projectRoot, folder)))
    .filter((file) => SOURCE_FILE.test(file.slice(file.lastIndexOf('/') + 1)))
    .concat(ROOT_FILES.map((file) => join(projectRoot, file)));
  for (const file of files.toSorted((a, b) => (a < b ? -1 : 1))) {
    const content = readFileSync(file);
    hash.update(`${relative(projectRoot, file)}\n${content.length}\n`).update(content);
  }
  return `${hash.digest('hex')}\n`;
}

async function build(sources, output) {
  rmSync(stampFile, { force: true });
  const elapsed = new ElapsedTime('Building', { output });
  let log = '';
  try {
    const compiler = join(projectRoot, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
    const { code, stoppedBy } = await runChild(findNode(), [compiler, 'build', 'all'], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      onOutput: (text) => (log += text),
    });
    elapsed.finish(code === 0 ? `Built in ${elapsed.seconds.toFixed(1)} s.` : undefined);
    if (stoppedBy !== undefined) throw new Failure('', exitCodeOf(stoppedBy));
    if (code !== 0) throw new Failure(explain(output.isTTY ? log : stripVTControlCharacters(log)));
  } finally {
    elapsed.finish();
  }
  removeStaleOutput();
  writeFileSync(stampFile, sources);
}

function explain(log) {
  return `${log.trimEnd()}\n\nThe build failed: correct what the compiler names above.`;
}

/** Removes compiled files whose source is no longer there. Not all of dist/: a running app may still load from it. */
function removeStaleOutput() {
  for (const file of listFiles(outputDirectory)) {
    const source = relative(outputDirectory, file).replace(/\.js(\.map)?$/, '.ts');
    if (source.endsWith('.ts') && !existsSync(join(projectRoot, source))) rmSync(file);
  }
}

function listFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listFiles(path) : [path];
  });
}

if (isMain(import.meta.url)) {
  await runMain(async () => {
    await ensureInstalled();
    await ensureBuilt();
  });
}
