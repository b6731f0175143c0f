const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
// From the build: Jest maps no module names in here.
const { startEmbeddedServer } = require('../../dist/libs/embedded-postgres/src/index.js');

/** One server for the whole run. Nothing in it outlives the run, so nothing need reach the disk. */
module.exports = async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'rivulet-test-'));
  const server = await startEmbeddedServer({
    directory,
    databases: [],
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  process.env.TEST_DATABASE_URL = server.url('postgres');
  globalThis.stopTestServer = async () => {
    await server.stop();
    require('node:fs').rmSync(directory, { recursive: true, force: true });
  };
};
