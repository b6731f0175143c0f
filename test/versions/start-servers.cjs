const { chmodSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
// From the build: Jest maps no module names in here.
const { startEmbeddedServer } = require('../../dist/libs/embedded-postgres/src/index.js');

const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' };

/** One server of each version, for the whole run. */
module.exports = async () => {
  const { packages } = JSON.parse(process.env.RIVULET_TEST_VERSIONS);
  const directory = mkdtempSync(path.join(tmpdir(), 'rivulet-versions-'));
  // Before 16 programs of PostgreSQL leave their working directory, and find it again only by its path.
  chmodSync(directory, 0o711);
  const servers = [];
  globalThis.stopTestServers = async () => {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  const urls = {};
  try {
    for (const [version, packageDirectory] of Object.entries(packages)) {
      const server = await startEmbeddedServer({
        directory: path.join(directory, version),
        databases: [],
        settings,
        ...(packageDirectory !== null && { packageDirectory }),
      });
      servers.push(server);
      urls[version] = server.url('postgres');
    }
  } catch (error) {
    await globalThis.stopTestServers();
    throw error;
  }
  process.env.TEST_SERVER_URLS = JSON.stringify(urls);
};
