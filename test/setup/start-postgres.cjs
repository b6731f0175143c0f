const {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
// From the build: Jest maps no module names in here.
const { startEmbeddedServer } = require('../../dist/libs/embedded-postgres/src/index.js');

const MEMORY_FOLDER = '/dev/shm';
/** The WAL, and the databases of tests that run at once. */
const ENOUGH_BYTES = 3 * 1024 ** 3;
const PREFIX = 'rivulet-test-';
const HOUR_MS = 3_600_000;

/** One server for the whole run. Nothing in it outlives the run, so nothing need reach the disk. */
module.exports = async () => {
  const directory = mkdtempSync(path.join(parentFolder(), PREFIX));
  const server = await startEmbeddedServer({
    directory,
    databases: [],
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  process.env.TEST_DATABASE_URL = server.url('postgres');
  globalThis.stopTestServer = async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  };
};

/** In memory, where there is room: tests make hundreds of databases, each of 300 files. A third of the time of those. */
function parentFolder() {
  if (!existsSync(MEMORY_FOLDER)) return tmpdir();
  for (const name of readdirSync(MEMORY_FOLDER)) if (name.startsWith(PREFIX)) removeLeftover(name);
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
  return bavail * bsize >= ENOUGH_BYTES ? MEMORY_FOLDER : tmpdir();
}

/** The folder of a run that was killed would take memory until the machine is started again. */
function removeLeftover(name) {
  const directory = path.join(MEMORY_FOLDER, name);
  try {
    if (Date.now() - statSync(directory).mtimeMs < HOUR_MS || isServed(directory)) return;
    rmSync(directory, { recursive: true, force: true });
  } catch {
    // It is another user's, or another run has removed it.
  }
}

function isServed(directory) {
  const file = path.join(directory, 'data', 'postmaster.pid');
  if (!existsSync(file)) return false;
  try {
    process.kill(Number(readFileSync(file, 'utf8').split('\n', 1)[0]), 0);
    return true;
  } catch ({ code }) {
    return code !== 'ESRCH';
  }
}
